//! How long files and functions may be.

use crate::tree::Tree;

/// Lines of a file without its inline tests.
const FILE: usize = 600;
/// Lines of a function anywhere.
const FUNCTION: usize = 100;
/// Lines above which a function of the product counts as long …
const LONG_FUNCTION: usize = 60;
/// … and how many of a hundred may be.
const LONG_PERCENT: usize = 2;

/// Files that should be two.
pub(crate) fn long_files(tree: &Tree) -> Vec<String> {
    tree.rust()
        .map(|(path, source)| (path, source.net_lines()))
        .filter(|(_, lines)| *lines > FILE)
        .map(|(path, lines)| format!("{path}: {lines} lines without tests, at most {FILE}"))
        .collect()
}

/// Functions that should be several, and the share of long ones in the product.
pub(crate) fn long_functions(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, source) in tree.rust() {
        for function in source.functions().iter().filter(|function| function.lines > FUNCTION) {
            let (name, line, lines) = (function.name, function.line, function.lines);
            broken.push(format!("{path}:{line}: {name} has {lines} lines, at most {FUNCTION}"));
        }
    }
    let mut all = 0;
    let mut long = Vec::new();
    for (path, source) in tree.product() {
        for function in source.functions().iter().filter(|function| !function.in_tests) {
            all += 1;
            if function.lines > LONG_FUNCTION {
                long.push(format!(
                    "{path}:{} {} ({})",
                    function.line, function.name, function.lines
                ));
            }
        }
    }
    if long.len() * 100 > all * LONG_PERCENT {
        let names = long.join(", ");
        broken.push(format!(
            "{} of {all} functions have more than {LONG_FUNCTION} lines, at most {LONG_PERCENT}%: {names}",
            long.len()
        ));
    }
    broken
}

#[cfg(test)]
fn function(name: &str, lines: usize) -> String {
    format!("fn {name}() {{\n{}}}\n", "    work();\n".repeat(lines - 2))
}

#[test]
fn a_long_file_is_found_and_its_tests_do_not_count() {
    let short = "fn a() {}\n".repeat(FILE);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "fn b() {}\n".repeat(50));
    let tree = |text: &str| Tree::new([("crates/a/src/lib.rs", text)]);
    assert_eq!(long_files(&tree(&format!("{short}{tests}"))), [""; 0]);
    assert_eq!(long_files(&tree(&format!("{short}fn c() {{}}\n"))).len(), 1);
}

#[test]
fn a_long_function_is_found_in_tests_too() {
    let short = "fn a() {}\n".repeat(100);
    for path in ["crates/a/src/lib.rs", "tests/tests/a.rs"] {
        let tree = |lines| {
            let text = format!("{short}{}", function("b", lines));
            long_functions(&Tree::new([(path, text.as_str())])).len()
        };
        assert_eq!((tree(FUNCTION), tree(FUNCTION + 1)), (0, 1), "{path}");
    }
}

#[test]
fn few_functions_of_the_product_may_be_long() {
    let text = |long| format!("{}{}", function("a", 3).repeat(98), function("b", 61).repeat(long));
    let count = |path, long| long_functions(&Tree::new([(path, text(long).as_str())])).len();
    assert_eq!(count("crates/a/src/lib.rs", 2), 0);
    assert_eq!(count("crates/a/src/lib.rs", 3), 1);
    assert_eq!(count("crates/a/tests/b.rs", 3), 0);
}
