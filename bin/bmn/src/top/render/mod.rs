//! From the model to a frame. Nothing here asks, waits or remembers.

mod overview;
mod panels;
mod text;
mod views;

use super::model::{Model, Screen, View};
use ratatui::{
    Frame, Terminal,
    backend::TestBackend,
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::{Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Clear, Paragraph},
};
use text::{Palette, clock, fit, span, width};

/// The smallest window that shows anything, columns and rows.
pub(crate) const LEAST: (u16, u16) = (60, 16);

const KEYS: &str = "q quit  Tab 1-5 view  arrows scroll  p pause  ? keys";

/// Draws the model.
pub(crate) fn render(frame: &mut Frame<'_>, model: &Model, screen: &Screen) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        return too_small(frame, area);
    }
    let palette = Palette { colour: screen.colour };
    let header = if model.cut_off.is_some() { 3 } else { 2 };
    let rows = [Constraint::Length(header), Constraint::Min(0), Constraint::Length(1)];
    let [top, body, bottom] = Layout::vertical(rows).areas(area);
    frame.render_widget(Paragraph::new(head(model, screen, palette, area.width)), top);
    match screen.view {
        View::Overview => overview::draw(frame, body, model, palette),
        View::Swaps => views::swaps(frame, body, model, screen, palette),
        View::Chains => views::chains(frame, body, model, screen, palette),
        View::Queue => views::queue(frame, body, model, screen, palette),
        View::Alerts => views::alerts(frame, body, model, screen, palette),
    }
    frame.render_widget(Paragraph::new(foot(screen, palette)), bottom);
    if screen.help {
        help(frame, area, palette);
    }
}

/// One frame as text, without spaces at the ends of its lines.
pub(crate) fn as_text(model: &Model, screen: &Screen, size: (u16, u16)) -> String {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(size.0, size.1));
    let Ok(drawn) = terminal.draw(|frame| render(frame, model, screen));
    lines(drawn.buffer).join("\n")
}

fn lines(buffer: &Buffer) -> Vec<String> {
    let area = buffer.area;
    let row = |y| {
        let (mut line, mut x) = (String::new(), area.left());
        while x < area.right() {
            let symbol = buffer.cell((x, y)).map_or(" ", |cell| cell.symbol());
            line.push_str(symbol);
            // What is two columns wide has an empty cell behind it.
            x += u16::try_from(width(symbol)).unwrap_or(1).max(1);
        }
        line.trim_end().to_owned()
    };
    (area.top()..area.bottom()).map(row).collect()
}

fn too_small(frame: &mut Frame<'_>, area: Rect) {
    let (columns, rows) = LEAST;
    let told = format!(
        "bmn top needs {columns}x{rows}, this window is {}x{}. Make it larger, or use \
         bmn top --once --size 80x24. q quits.",
        area.width, area.height
    );
    let lines = text::wrap(&told, usize::from(area.width));
    frame
        .render_widget(Paragraph::new(lines.into_iter().map(Line::from).collect::<Vec<_>>()), area);
}

fn head(model: &Model, screen: &Screen, palette: Palette, room: u16) -> Vec<Line<'static>> {
    let mut lines = vec![state(model, palette, usize::from(room)), tabs(screen, palette)];
    if let Some(cut) = &model.cut_off {
        let ago = span(model.now.saturating_sub(cut.since));
        let old = if model.node.is_some() { "; what is shown is from before" } else { "" };
        let told = format!(" CUT OFF since {} UTC ({ago}){old}: {}", clock(cut.since), cut.reason);
        lines.insert(1, Line::styled(fit(&told, usize::from(room)), palette.bad()));
    }
    lines
}

fn state(model: &Model, palette: Palette, room: usize) -> Line<'static> {
    let (told, style) = match (&model.node, &model.cut_off) {
        (None, None) => ("asking the node".to_owned(), palette.dim()),
        (None, Some(_)) => ("no answer yet".to_owned(), palette.bad()),
        (Some(node), _) => {
            let health = node.health.as_deref().unwrap_or("health not known");
            let style = match (node.acting, health) {
                (true, "healthy") => palette.good(),
                (_, "unhealthy") => palette.bad(),
                _ => palette.warn(),
            };
            match &node.why {
                Some(why) => (format!("{health}, NOT ACTING: {why}"), style),
                None => (format!("{health}, acting"), style),
            }
        }
    };
    let mut about = format!(" bmn top  {}", model.source);
    if let Some(node) = &model.node {
        let mode = node.mode.as_ref().map(|mode| format!("  mode {mode}")).unwrap_or_default();
        about = format!("{about}  {}  up {}{mode}", node.version, span(node.uptime));
    }
    let told = fit(&told, room.saturating_sub(24));
    let about = fit(&about, room.saturating_sub(width(&told) + 3));
    let gap = room.saturating_sub(width(&about) + width(&told) + 1);
    Line::from(vec![
        Span::styled(about, palette.title()),
        Span::raw(" ".repeat(gap)),
        Span::styled(told, style),
    ])
}

fn tabs(screen: &Screen, palette: Palette) -> Line<'static> {
    let mut spans = vec![Span::raw(" ")];
    for (number, view) in (1..).zip(View::ALL) {
        let chosen = screen.view == view;
        let style = match chosen {
            true => Style::new().add_modifier(Modifier::REVERSED),
            false => palette.dim(),
        };
        // Marked by more than a style: a text has none.
        let (open, close) = if chosen { ('[', ']') } else { (' ', ' ') };
        spans.push(Span::styled(format!("{open}{number} {}{close}", view.name()), style));
        spans.push(Span::raw(" "));
    }
    Line::from(spans)
}

fn foot(screen: &Screen, palette: Palette) -> Line<'static> {
    let mut spans = vec![Span::styled(format!(" {KEYS}"), palette.dim())];
    if screen.paused {
        spans.push(Span::styled("  PAUSED", palette.warn()));
    }
    Line::from(spans)
}

fn help(frame: &mut Frame<'_>, area: Rect, palette: Palette) {
    let keys = [
        ("q, Ctrl-C", "quit"),
        ("Tab, 1 to 5", "the next view, or this one"),
        ("up, down, k, j", "scroll a row"),
        ("PgUp, PgDn", "scroll ten rows; Home: to the top"),
        ("p", "pause: the picture stands still"),
        ("?", "these keys; any key closes them"),
    ];
    let lines: Vec<_> = keys
        .iter()
        .map(|(key, does)| {
            Line::from(vec![
                Span::styled(format!(" {key:15} "), palette.title()),
                Span::raw((*does).to_owned()),
            ])
        })
        .collect();
    let (columns, rows) = (56, 8);
    let place = Rect {
        x: area.x + area.width.saturating_sub(columns) / 2,
        y: area.y + area.height.saturating_sub(rows) / 2,
        width: columns.min(area.width),
        height: rows.min(area.height),
    };
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" Keys ")), place);
}

#[cfg(test)]
mod tests;
