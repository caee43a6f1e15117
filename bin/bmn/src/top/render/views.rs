//! The views that are one list each, with more of everything.

use super::{
    overview::{panel, show, table_or},
    panels::{alert_lines, balances, chains as chain_lines, countdown, lanes, plain, state_style},
    text::{Cell, Column, Palette, left, right, short, span},
};
use crate::top::model::{Known, Model, Screen, StepLine, SwapLine};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
};

/// Lines below a heading that stays, from the row that is scrolled to.
fn scrolled(
    lines: Vec<Line<'static>>,
    heading: usize,
    room: Rect,
    scroll: usize,
) -> Vec<Line<'static>> {
    let rows = usize::from(room.height).saturating_sub(heading);
    let most = lines.len().saturating_sub(heading).saturating_sub(rows);
    let skip = scroll.min(most);
    let mut lines = lines.into_iter();
    let head: Vec<_> = lines.by_ref().take(heading).collect();
    head.into_iter().chain(lines.skip(skip)).take(usize::from(room.height)).collect()
}

const KINDS: [(&str, &str); 6] = [
    ("fill by", "FILL BY"),
    ("dst withdraw", "DST OPEN"),
    ("dst public", "DST PUBL"),
    ("dst cancel", "DST CANC"),
    ("src withdraw", "SRC OPEN"),
    ("src cancel", "SRC CANC"),
];

fn swap_row(model: &Model, swap: &SwapLine, wide: bool, palette: Palette) -> Vec<Cell> {
    let order = if wide { swap.order.clone() } else { short(&swap.order) };
    let mut row = vec![plain(order), (swap.status.clone(), state_style(&swap.status, palette))];
    for (what, _) in KINDS {
        let window = swap.windows.iter().find(|window| window.what == what);
        row.push(match window.and_then(|window| model.left(window)) {
            Some(left) if left > 0 => (span(left.unsigned_abs()), countdown(left, palette).1),
            Some(_) => ("open".to_owned(), palette.dim()),
            None => plain("-"),
        });
    }
    row.extend([&swap.step, &swap.route, &swap.sells, &swap.buys].map(|text| plain(text.clone())));
    row
}

/// Every open swap with all its windows.
pub(super) fn swaps(
    frame: &mut Frame<'_>,
    area: Rect,
    model: &Model,
    screen: &Screen,
    palette: Palette,
) {
    let more = if model.more_swaps { " or more" } else { "" };
    let room = panel(frame, area, &format!("Open swaps: {}{more}", model.swaps.len()), palette);
    // A whole hash and all else want more than 200 columns.
    let wide = room.width >= 220;
    let mut columns = vec![left("ORDER", 13), left("STATE", 12)];
    columns.extend(KINDS.map(|(_, name)| right(name, name.len())));
    columns.extend([left("STEP", 19), left("ROUTE", 12), left("SELLS", 8), left("BUYS", 8)]);
    let mut rows: Vec<_> =
        model.by_window().iter().map(|(swap, _)| swap_row(model, swap, wide, palette)).collect();
    drop_empty(&mut columns, &mut rows);
    let none = if model.node.is_some() { "no open swap" } else { "not known" };
    let lines = table_or(&columns, &rows, none, room.width, palette);
    show(frame, room, scrolled(lines, 1, room, screen.scroll));
}

/// A column in which nobody has anything is not shown.
fn drop_empty(columns: &mut Vec<Column>, rows: &mut [Vec<Cell>]) {
    for at in (0..columns.len()).rev() {
        let is_empty =
            |row: &Vec<Cell>| row.get(at).is_none_or(|(text, _)| text == "-" || text.is_empty());
        if !rows.is_empty() && rows.iter().all(is_empty) {
            columns.remove(at);
            for row in rows.iter_mut() {
                row.remove(at);
            }
        }
    }
}

const ENDPOINTS: [Column; 4] =
    [left("CHAIN", 7), left("ENDPOINT", 16), right("HEAD", 6), right("ANSWERS IN", 10)];

const ACCOUNTS: [Column; 5] =
    [left("CHAIN", 7), right("ID", 2), left("INDEX", 6), right("NONCE", 5), left("ACCOUNT", 13)];

/// Chains, their accounts, endpoints, and every balance.
pub(super) fn chains(
    frame: &mut Frame<'_>,
    area: Rect,
    model: &Model,
    screen: &Screen,
    palette: Palette,
) {
    let heads = u16::try_from(model.chains.len()).unwrap_or(u16::MAX).saturating_add(2);
    let parts = [
        Constraint::Length(heads),
        Constraint::Length(heads),
        Constraint::Fill(1),
        Constraint::Fill(2),
    ];
    let [top, accounts, endpoints, below] = Layout::vertical(parts).areas(area);
    let room = panel(frame, top, "Chains", palette);
    show(frame, room, chain_lines(model, room.width, palette));
    let room = panel(frame, accounts, "Accounts", palette);
    let rows: Vec<_> = model
        .chains
        .iter()
        .map(|chain| {
            let index = chain.index.clone().unwrap_or_else(|| "-".to_owned());
            [
                chain.name.clone(),
                chain.id.to_string(),
                index,
                chain.nonce.to_string(),
                chain.account.clone(),
            ]
            .map(plain)
            .to_vec()
        })
        .collect();
    show(frame, room, table_or(&ACCOUNTS, &rows, "not known", room.width, palette));
    let room = panel(frame, endpoints, "Endpoints", palette);
    show(frame, room, endpoint_lines(model, room.width, palette));
    let room = panel(frame, below, "Balances and reservations", palette);
    let all = Rect { height: u16::MAX, ..room };
    show(frame, room, scrolled(balances(model, all, palette), 1, room, screen.scroll));
}

fn endpoint_lines(model: &Model, room: u16, palette: Palette) -> Vec<Line<'static>> {
    let endpoints = match &model.endpoints {
        Known::Known(endpoints) => endpoints,
        Known::NotKnown(why) => {
            return table_or(&ENDPOINTS, &[], &format!("not known: {why}"), room, palette);
        }
    };
    let name =
        |id: u64| model.chains.iter().find(|chain| chain.id == id).map(|chain| chain.name.clone());
    let rows: Vec<_> = endpoints
        .iter()
        .map(|endpoint| {
            let head = match &endpoint.head {
                Ok(head) => plain(head.to_string()),
                Err(why) => (why.clone(), palette.bad()),
            };
            let chain = name(endpoint.chain).unwrap_or_else(|| endpoint.chain.to_string());
            vec![
                plain(chain),
                plain(endpoint.url.clone()),
                head,
                plain(format!("{} ms", endpoint.millis)),
            ]
        })
        .collect();
    table_or(&ENDPOINTS, &rows, "no endpoint", room, palette)
}

const STEPS: [Column; 7] = [
    left("ORDER", 13),
    left("STEP", 19),
    left("CHAIN", 7),
    left("STATE", 7),
    right("TRIES", 5),
    right("SAFE FOR", 8),
    left("ERROR", 5),
];

/// Lanes, and the steps in them.
pub(super) fn queue(
    frame: &mut Frame<'_>,
    area: Rect,
    model: &Model,
    screen: &Screen,
    palette: Palette,
) {
    let heads =
        u16::try_from(super::panels::lanes_rows(model)).unwrap_or(u16::MAX).saturating_add(2);
    let [top, below] =
        Layout::vertical([Constraint::Length(heads), Constraint::Fill(1)]).areas(area);
    let room = panel(frame, top, "Queue lanes", palette);
    show(frame, room, lanes(model, room.width, palette));
    let room = panel(frame, below, "Steps", palette);
    let lines = match &model.steps {
        Known::NotKnown(why) => {
            table_or(&STEPS, &[], &format!("not known: {why}"), room.width, palette)
        }
        Known::Known(steps) => {
            let rows: Vec<_> = steps.iter().map(|step| step_row(model, step, palette)).collect();
            table_or(&STEPS, &rows, "no step is waited for", room.width, palette)
        }
    };
    show(frame, room, scrolled(lines, 1, room, screen.scroll));
}

fn step_row(model: &Model, step: &StepLine, palette: Palette) -> Vec<Cell> {
    let left = step.deadline.and_then(|(chain, at)| model.left_until(chain, at));
    let safe = match left {
        Some(left) if left <= 0 => ("over".to_owned(), palette.bad()),
        Some(left) => plain(span(left.unsigned_abs())),
        None => plain("-"),
    };
    let state = if step.state == "dead" { palette.bad() } else { ratatui::style::Style::new() };
    vec![
        plain(short(&step.order)),
        plain(step.action.clone()),
        plain(step.chain.clone()),
        (step.state.clone(), state),
        plain(step.attempts.to_string()),
        safe,
        plain(step.error.clone()),
    ]
}

/// Everything to look at, in full.
pub(super) fn alerts(
    frame: &mut Frame<'_>,
    area: Rect,
    model: &Model,
    screen: &Screen,
    palette: Palette,
) {
    let standing = model.alerts.iter().filter(|alert| alert.standing).count();
    let room = panel(frame, area, &format!("Last errors and alerts: {standing} standing"), palette);
    let columns = usize::from(room.width);
    let mut lines: Vec<_> =
        model.alerts.iter().flat_map(|alert| alert_lines(alert, columns, 8, palette)).collect();
    if lines.is_empty() {
        let why = if model.node.is_some() { "nothing to look at" } else { "not known" };
        lines.push(Line::styled(why, palette.dim()));
    }
    show(frame, room, scrolled(lines, 0, room, screen.scroll));
}
