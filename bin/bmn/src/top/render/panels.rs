//! The lines of each panel.

use super::{
    overview::table_or,
    text::{Cell, Column, Palette, clock, fit, left, right, short, span, wrap},
};
use crate::top::model::{AlertLine, BalanceLine, ChainLine, Known, Model, Ring, SwapLine, Window};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::Line,
    widgets::{Paragraph, Sparkline},
};

pub(super) fn plain(text: impl Into<String>) -> Cell {
    (text.into(), Style::new())
}

fn or_dash(value: Option<u64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// How an order in a state looks.
pub(super) fn state_style(state: &str, palette: Palette) -> Style {
    match state {
        "lost" | "violated" | "destinationStranded" | "exposed" => palette.bad(),
        "owing" | "refunding" | "destinationRefunded" => palette.warn(),
        "completed" | "kept" => palette.good(),
        _ => Style::new(),
    }
}

/// Orders by state, in as many columns as fit.
pub(super) fn states(model: &Model, room: Rect, palette: Palette) -> Vec<Line<'static>> {
    if model.states.is_empty() {
        let why = if model.node.is_some() { "no order yet" } else { "not known" };
        return vec![Line::styled(why, palette.dim())];
    }
    let most = usize::from(room.height).max(1);
    let cut = model.states.len() > most;
    let shown = if cut { most - 1 } else { most };
    let rows: Vec<_> = model
        .states
        .iter()
        .take(shown)
        .map(|line| {
            let style = state_style(&line.state, palette);
            vec![(line.state.clone(), style), (line.count.to_string(), style)]
        })
        .collect();
    let mut lines = super::text::grid(
        &[left("", 8), right("", 3)],
        &rows,
        usize::from(room.width),
        Style::new(),
    );
    // Their meaning is in the title.
    lines.remove(0);
    if cut {
        let rest: u64 = model.states.iter().skip(shown).map(|line| line.count).sum();
        let states = model.states.len() - shown;
        lines.push(Line::styled(format!("+ {rest} in {states} more states"), palette.dim()));
    }
    lines
}

const CHAINS: [Column; 7] = [
    left("CHAIN", 7),
    right("HEAD", 6),
    right("AGE", 4),
    right("LAG", 3),
    right("FINAL", 5),
    right("SENT", 4),
    right("ENDPTS", 6),
];

/// Each chain, its lag, and how many of its endpoints answer.
pub(super) fn chains(model: &Model, room: u16, palette: Palette) -> Vec<Line<'static>> {
    let row = |chain: &ChainLine| {
        let age = chain.age(model.now);
        let endpoints = endpoints_of(model, chain.id);
        let endpoints = match endpoints {
            None => plain("-"),
            Some((good, all)) if good < all => (format!("{good}/{all}"), palette.bad()),
            Some((good, all)) => (format!("{good}/{all}"), palette.good()),
        };
        let age = match age {
            Some(age) if age >= 120 => (span(age), palette.bad()),
            Some(age) => plain(span(age)),
            None => plain("-"),
        };
        let behind = chain.head.zip(chain.finalized).map(|(head, last)| head.saturating_sub(last));
        vec![
            plain(chain.name.clone()),
            plain(or_dash(chain.head)),
            age,
            plain(or_dash(chain.lag())),
            plain(behind.map_or_else(|| "-".to_owned(), |blocks| format!("-{blocks}"))),
            plain(chain.in_flight.to_string()),
            endpoints,
        ]
    };
    let rows: Vec<_> = model.chains.iter().map(row).collect();
    table_or(&CHAINS, &rows, "not known", room, palette)
}

fn endpoints_of(model: &Model, chain: u64) -> Option<(usize, usize)> {
    let Known::Known(endpoints) = &model.endpoints else { return None };
    let of: Vec<_> = endpoints.iter().filter(|endpoint| endpoint.chain == chain).collect();
    let good = of.iter().filter(|endpoint| endpoint.head.is_ok()).count();
    (!of.is_empty()).then_some((good, of.len()))
}

/// `in 4m05s`, or since when a window is open.
pub(super) fn countdown(left: i64, palette: Palette) -> Cell {
    let seconds = left.unsigned_abs();
    match left {
        ..=0 => (format!("open {}", span(seconds)), palette.dim()),
        1..60 => (format!("in {}", span(seconds)), palette.warn()),
        _ => plain(format!("in {}", span(seconds))),
    }
}

const WINDOWS: [Column; 8] = [
    left("ORDER", 13),
    left("STATE", 12),
    left("NEXT WINDOW", 12),
    right("OPENS", 9),
    left("STEP", 19),
    left("ROUTE", 12),
    left("SELLS", 8),
    left("BUYS", 8),
];

/// From so many columns on a whole hash fits beside all else.
const WHOLE_HASH: u16 = 180;

/// The swaps whose next window comes first.
pub(super) fn windows(model: &Model, room: Rect, palette: Palette) -> Vec<Line<'static>> {
    let all = model.by_window();
    let most = usize::from(room.height).saturating_sub(1).max(1);
    let more = model.more_swaps || all.len() > most;
    let shown = if more { most.saturating_sub(1).max(1) } else { most };
    let row = |(swap, next): &(&SwapLine, Option<(&Window, i64)>)| {
        let (what, left) = match next {
            Some((window, left)) => (window.what.to_owned(), countdown(*left, palette)),
            None => ("-".to_owned(), plain("-")),
        };
        let order = if room.width >= WHOLE_HASH { swap.order.clone() } else { short(&swap.order) };
        vec![
            plain(order),
            (swap.status.clone(), state_style(&swap.status, palette)),
            plain(what),
            left,
            plain(swap.step.clone()),
            plain(swap.route.clone()),
            plain(swap.sells.clone()),
            plain(swap.buys.clone()),
        ]
    };
    let rows: Vec<_> = all.iter().take(shown).map(row).collect();
    let none = if model.node.is_some() { "no open swap" } else { "not known" };
    let mut lines = table_or(&WINDOWS, &rows, none, room.width, palette);
    if more && all.len() > shown {
        let rest = all.len() - shown;
        let least = if model.more_swaps { " at least" } else { "" };
        lines.push(Line::styled(format!("+ {rest} more{least}; key 2 lists them"), palette.dim()));
    }
    lines
}

const LANES: [Column; 6] = [
    left("CHAIN", 7),
    right("WAIT", 4),
    right("READY", 5),
    right("WORK", 4),
    right("SENT", 4),
    right("DEAD", 4),
];

pub(super) fn lanes_rows(model: &Model) -> usize {
    match &model.lanes {
        Known::Known(lanes) => lanes.len(),
        Known::NotKnown(_) => 3,
    }
}

/// Steps on each chain.
pub(super) fn lanes(model: &Model, room: u16, palette: Palette) -> Vec<Line<'static>> {
    let lanes = match &model.lanes {
        Known::Known(lanes) => lanes,
        Known::NotKnown(why) => {
            return table_or(&LANES, &[], &format!("not known: {why}"), room, palette);
        }
    };
    let rows: Vec<_> = lanes
        .iter()
        .map(|lane| {
            let counts =
                [lane.waiting, lane.ready, lane.leased, lane.sent].map(|it| plain(it.to_string()));
            let style = if lane.dead > 0 { palette.bad() } else { Style::new() };
            std::iter::once(plain(lane.chain.clone()))
                .chain(counts)
                .chain([(lane.dead.to_string(), style)])
                .collect()
        })
        .collect();
    table_or(&LANES, &rows, "no chain", room, palette)
}

const BALANCES: [Column; 5] = [
    left("CHAIN", 7),
    left("TOKEN", 5),
    right("HELD", 10),
    right("RESERVED", 8),
    right("LOCKED", 6),
];

pub(super) fn balances_rows(model: &Model) -> usize {
    match &model.balances {
        Known::Known(balances) => balances.len(),
        Known::NotKnown(_) => 3,
    }
}

/// What the account has on each chain, and what of it is spoken for.
pub(super) fn balances(model: &Model, room: Rect, palette: Palette) -> Vec<Line<'static>> {
    let balances = match &model.balances {
        Known::Known(balances) => balances,
        Known::NotKnown(why) => {
            return table_or(&BALANCES, &[], &format!("not known: {why}"), room.width, palette);
        }
    };
    let most = usize::from(room.height).saturating_sub(1).max(1);
    let cut = balances.len() > most;
    let shown = if cut { most.saturating_sub(1).max(1) } else { most };
    // What is spoken for is what a person looks for.
    let is_idle = |line: &&BalanceLine| line.promised == "0" && line.locked == "0";
    let mut sorted: Vec<_> = balances.iter().collect();
    sorted.sort_by_key(|line| is_idle(line));
    let rows: Vec<_> = sorted
        .into_iter()
        .take(shown)
        .map(|line| {
            let held = match &line.held {
                Ok(held) => plain(held.clone()),
                Err(why) => (why.clone(), palette.warn()),
            };
            vec![
                plain(line.chain.clone()),
                plain(line.token.clone()),
                held,
                plain(line.promised.clone()),
                plain(line.locked.clone()),
            ]
        })
        .collect();
    let mut lines = table_or(&BALANCES, &rows, "no token", room.width, palette);
    if cut {
        let rest = balances.len() - shown;
        lines.push(Line::styled(format!("+ {rest} more; key 3 lists them"), palette.dim()));
    }
    lines
}

/// Three lines that go up and down, each with its newest value.
pub(super) fn trends(frame: &mut Frame<'_>, room: Rect, model: &Model, palette: Palette) {
    let trends = &model.trends;
    let age = trends.head_age.last().map_or_else(|| "-".to_owned(), span);
    let parts: [(&str, String, &Ring); 3] = [
        ("done/min", or_dash(trends.completed.last()), &trends.completed),
        ("head age", age, &trends.head_age),
        ("queue", or_dash(trends.queue.last()), &trends.queue),
    ];
    let rows = Layout::vertical([Constraint::Ratio(1, 3); 3]).split(room);
    for (area, (name, value, ring)) in rows.iter().zip(parts) {
        let [label, line] =
            Layout::horizontal([Constraint::Length(17), Constraint::Min(0)]).areas(*area);
        let value = fit(&value, 7);
        frame.render_widget(Paragraph::new(format!("{name:9}{value:>6}")), label);
        let samples = ring.newest(usize::from(line.width));
        frame.render_widget(Sparkline::default().data(samples).style(palette.title()), line);
    }
}

pub(super) fn alert_style(alert: &AlertLine, palette: Palette) -> Style {
    match (alert.standing, alert.kind.as_str()) {
        (false, _) => palette.dim(),
        (true, "missedDeadline" | "deadLetter" | "unhealthy") => palette.bad(),
        (true, _) => palette.warn(),
    }
}

/// One alert in a line, or over several.
pub(super) fn alert_lines(
    alert: &AlertLine,
    room: usize,
    most: usize,
    palette: Palette,
) -> Vec<Line<'static>> {
    let over = if alert.standing { "" } else { "over: " };
    let place = match alert.place.as_str() {
        "" => String::new(),
        place => format!("{place}: "),
    };
    let told = format!("{} {over}{place}{} ({})", clock(alert.at), alert.text, alert.kind);
    let style = alert_style(alert, palette);
    let mut lines = wrap(&told, room);
    if lines.len() > most {
        lines = vec![fit(&told, room)];
    }
    lines.into_iter().map(|line| Line::styled(line, style)).collect()
}

/// What a person should look at, the newest first.
pub(super) fn alerts(model: &Model, room: Rect, palette: Palette) -> Vec<Line<'static>> {
    if model.alerts.is_empty() {
        let why = if model.node.is_some() { "nothing to look at" } else { "not known" };
        return vec![Line::styled(why, palette.dim())];
    }
    let (columns, rows) = (usize::from(room.width), usize::from(room.height));
    let each = (rows / model.alerts.len()).max(1);
    model
        .alerts
        .iter()
        .take(rows)
        .flat_map(|alert| alert_lines(alert, columns, each, palette))
        .collect()
}
