//! `bmn config show`.

use super::ShowArgs;
use crate::{failure::Failure, output::Output};
use bmn_config::{Setting, SettingOrigin};
use serde_json::{Value, json};

/// Columns that a terminal has at least.
const WIDTH: usize = 80;
/// Columns for keys and for values, before what comes next.
const KEYS: usize = 25;
const VALUES: usize = 20;

pub(super) fn run(args: &ShowArgs, output: Output) -> Result<(), Failure> {
    let source = args.config.source(false)?;
    let settings = source.read()?.loaded.settings;
    let is_shown = |it: &&Setting| args.all || it.origin != SettingOrigin::Unset;
    let shown: Vec<&Setting> = settings.iter().filter(is_shown).collect();
    let name = source.path().file_name().unwrap_or(source.path().as_os_str());
    let name = name.to_string_lossy();
    let value: Vec<Value> = shown.iter().map(|it| for_programs(it, &name, args.origin)).collect();
    output.result(&value, || {
        let origin = args.origin.then_some(&*name);
        for_people(&shown, origin)
    })
}

fn for_programs(setting: &Setting, file: &str, with_origin: bool) -> Value {
    let value = (setting.origin != SettingOrigin::Unset).then_some(&setting.value);
    let mut shown = json!({ "key": setting.path, "value": value });
    if with_origin {
        shown["origin"] = setting.origin.told(file).into();
    }
    shown
}

/// Keys by table, in the order of the first of each, the file's own first.
fn for_people(settings: &[&Setting], file: Option<&str>) -> String {
    let mut tables: Vec<(&str, Vec<String>)> = vec![("", Vec::new())];
    for setting in settings {
        let (table, key) = setting.path.rsplit_once('.').unwrap_or(("", &setting.path));
        let line = line(key, setting, file);
        match tables.iter_mut().find(|(name, _)| *name == table) {
            Some((_, lines)) => lines.push(line),
            None => tables.push((table, vec![line])),
        }
    }
    let told = tables.into_iter().filter(|(_, lines)| !lines.is_empty()).map(|(name, lines)| {
        if name.is_empty() { lines.join("\n") } else { format!("[{name}]\n{}", lines.join("\n")) }
    });
    told.collect::<Vec<_>>().join("\n\n")
}

/// One key; what does not fit beside it goes below it.
fn line(key: &str, setting: &Setting, file: Option<&str>) -> String {
    let value = if setting.origin == SettingOrigin::Unset { "-" } else { &setting.value };
    let Some(file) = file else { return format!("{key:KEYS$} {value}") };
    let origin = setting.origin.told(file);
    let whole = format!("{key:KEYS$} {value:VALUES$} {origin}");
    if whole.chars().count() <= WIDTH {
        whole
    } else {
        format!("{key:KEYS$} {value}\n{:KEYS$} {origin}", "")
    }
}
