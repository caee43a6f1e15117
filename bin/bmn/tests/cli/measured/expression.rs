//! Names in an expression of Prometheus: enough of its grammar to find every metric and label.

use std::collections::BTreeSet;

/// What an expression speaks of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// Metrics, each with the labels it is selected by and the texts they are compared with.
    pub(crate) metrics: Vec<(String, Vec<(String, String)>)>,
    /// Labels it is grouped or matched by.
    pub(crate) groups: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Mark(char),
}

fn tokens(expression: &str) -> Vec<Token> {
    let mut all = Vec::new();
    let mut rest = expression.chars().peekable();
    while let Some(next) = rest.next() {
        if next == '"' || next == '\'' {
            let text: String = rest.by_ref().take_while(|it| *it != next).collect();
            all.push(Token::Text(text));
        } else if next.is_ascii_alphanumeric() || next == '_' || next == ':' {
            let mut word = String::from(next);
            while let Some(more) =
                rest.next_if(|it| it.is_ascii_alphanumeric() || "_:.".contains(*it))
            {
                word.push(more);
            }
            all.push(Token::Word(word));
        } else if !next.is_whitespace() {
            all.push(Token::Mark(next));
        }
    }
    all
}

const GROUPING: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const OPERATORS: [&str; 5] = ["and", "or", "unless", "bool", "offset"];

/// Every name in an expression.
pub(crate) fn names(expression: &str) -> Names {
    let all = tokens(expression);
    let mut names = Names::default();
    let mut at = 0;
    while let Some(token) = all.get(at) {
        at += 1;
        let Token::Word(word) = token else {
            if *token == Token::Mark('[') {
                at += all[at..].iter().take_while(|it| **it != Token::Mark(']')).count();
            }
            continue;
        };
        let opens = |mark| all.get(at) == Some(&Token::Mark(mark));
        if GROUPING.contains(&word.as_str()) && opens('(') {
            for token in all[at..].iter().take_while(|it| **it != Token::Mark(')')) {
                if let Token::Word(label) = token {
                    names.groups.insert(label.clone());
                }
                at += 1;
            }
        } else if OPERATORS.contains(&word.as_str())
            || opens('(')
            || is_aggregator(all.get(at))
            || GROUPING.contains(&word.as_str())
            || word.eq_ignore_ascii_case("inf")
            || word.starts_with(|first: char| first.is_ascii_digit())
        {
        } else {
            let mut labels = Vec::new();
            if opens('{') {
                let inside: Vec<_> =
                    all[at..].iter().take_while(|it| **it != Token::Mark('}')).collect();
                at += inside.len();
                for pair in inside.windows(4) {
                    labels.extend(compared(pair));
                }
                labels.extend(compared_plainly(&inside));
            }
            names.metrics.push((word.clone(), labels));
        }
    }
    names
}

/// Whether what comes next shows that the word before is an aggregation: `sum by (…)`.
fn is_aggregator(next: Option<&Token>) -> bool {
    matches!(next, Some(Token::Word(word)) if ["by", "without"].contains(&word.as_str()))
}

/// `label =~ "text"` or `label != "text"`; what a label must not be says nothing of its values.
fn compared(pair: &[&Token]) -> Option<(String, String)> {
    let [Token::Word(label), Token::Mark(first), Token::Mark(second), Token::Text(text)] = pair
    else {
        return None;
    };
    let wanted = (*first, *second) == ('=', '~');
    Some((label.clone(), if wanted { text.clone() } else { String::new() }))
}

/// `label = "text"`.
fn compared_plainly(inside: &[&Token]) -> Vec<(String, String)> {
    inside
        .windows(3)
        .filter_map(|pair| match pair {
            [Token::Word(label), Token::Mark('='), Token::Text(text)] => {
                Some((label.clone(), text.clone()))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn metrics_labels_and_groups_are_found_and_nothing_else() {
    let found = names(
        "histogram_quantile(0.95, sum by (job, le) (rate(a_bucket{x=~\"1|2\", y!=\"z\"}[5m]))) > 1 and on (chain) \
         (b{c=\"d\"} < +Inf) or absent(e)",
    );
    let of = |name: &str, labels: &[(&str, &str)]| {
        let labels = labels.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        (name.to_owned(), labels)
    };
    assert_eq!(
        found.metrics,
        [of("a_bucket", &[("x", "1|2"), ("y", "")]), of("b", &[("c", "d")]), of("e", &[])]
    );
    assert_eq!(found.groups, ["chain", "job", "le"].map(str::to_owned).into());
}
