//! The panels of the overview and the room that each gets.

use super::{
    Model, panels,
    text::{Palette, grid},
};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
    widgets::{Block, Borders, Paragraph},
};

/// Rows of the four bands below which nothing can be read: swaps and chains, windows, queue and balances,
/// trends and alerts.
const LEAST: [u16; 4] = [4, 3, 3, 3];
/// Those of a window of 80 by 24.
const USUAL: [u16; 4] = [6, 6, 5, 4];
/// Which band grows when there is room: windows and alerts show lists.
const GROWS: [usize; 5] = [1, 3, 1, 2, 0];

/// Draws all panels.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, palette: Palette) {
    let wanted = [
        rows(model.states.len().max(model.chains.len())),
        rows(model.swaps.len()),
        rows(panels::lanes_rows(model).max(panels::balances_rows(model))),
        rows(model.alerts.len()),
    ];
    let [top, windows, middle, bottom] =
        Layout::vertical(share(wanted, area.height).map(Constraint::Length)).areas(area);
    let halves = |area, left: u16| {
        let sides = [Constraint::Percentage(left), Constraint::Length(1), Constraint::Min(0)];
        let [left, _, right] = Layout::horizontal(sides).areas(area);
        [left, right]
    };
    let [left, right] = halves(top, 34);
    let room = panel(frame, left, "Swaps by state", palette);
    show(frame, room, panels::states(model, room, palette));
    let room = panel(frame, right, "Chains", palette);
    show(frame, room, panels::chains(model, room.width, palette));
    let room = panel(frame, windows, "Next windows", palette);
    show(frame, room, panels::windows(model, room, palette));
    let [left, right] = halves(middle, 50);
    let room = panel(frame, left, "Queue lanes", palette);
    show(frame, room, panels::lanes(model, room.width, palette));
    let room = panel(frame, right, "Balances and reservations", palette);
    show(frame, room, panels::balances(model, room, palette));
    let [left, right] = halves(bottom, 40);
    let room = panel(frame, left, "Trends", palette);
    panels::trends(frame, room, model, palette);
    let room = panel(frame, right, "Last errors and alerts", palette);
    show(frame, room, panels::alerts(model, room, palette));
}

/// A title over a line, and what is left below it.
pub(super) fn panel(frame: &mut Frame<'_>, area: Rect, title: &str, palette: Palette) -> Rect {
    let block = Block::new()
        .borders(Borders::TOP)
        .border_style(palette.dim())
        .title(Line::styled(format!(" {title} "), palette.title()));
    let room = block.inner(area);
    frame.render_widget(block, area);
    room
}

/// Lines in a room; what is below its end is not shown.
pub(super) fn show(frame: &mut Frame<'_>, room: Rect, lines: Vec<Line<'static>>) {
    frame.render_widget(Paragraph::new(lines), room);
}

/// Rows of a panel with a title and a heading.
fn rows(of: usize) -> u16 {
    u16::try_from(of).unwrap_or(u16::MAX - 2).saturating_add(2)
}

/// The rows of each band: the least, then the usual, then what each wants in turn; the windows get the rest.
fn share(wanted: [u16; 4], total: u16) -> [u16; 4] {
    let mut given = LEAST;
    let taken = |given: &[u16; 4]| given.iter().sum::<u16>();
    for limit in [USUAL, wanted] {
        let mut grew = true;
        while grew && taken(&given) < total {
            grew = false;
            for band in GROWS {
                let (Some(has), Some(most)) = (given.get(band), limit.get(band)) else { continue };
                if has < most && taken(&given) < total {
                    given[band] += 1;
                    grew = true;
                }
            }
        }
    }
    given[1] += total.saturating_sub(taken(&given));
    given
}

/// A table, or one line that says why there is none.
pub(super) fn table_or(
    columns: &[super::text::Column],
    rows: &[Vec<super::text::Cell>],
    none: &str,
    room: u16,
    palette: Palette,
) -> Vec<Line<'static>> {
    if rows.is_empty() {
        return super::text::wrap(none, usize::from(room))
            .into_iter()
            .map(|line| Line::styled(line, palette.dim()))
            .collect();
    }
    grid(columns, rows, usize::from(room), palette.dim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_band_has_its_rows_whatever_is_wanted() {
        assert_eq!(share([2; 4], 21), USUAL);
        assert_eq!(share([u16::MAX; 4], 13), LEAST);
        assert_eq!(share([2, 2, 2, 2], 47), [6, 32, 5, 4], "the windows get the rest");
        let wide = share([9, 202, 7, 30], 47);
        assert_eq!(wide.iter().sum::<u16>(), 47);
        assert!(wide[0] == 9 && wide[2] == 7 && wide[1] > wide[3] && wide[3] > 7, "{wide:?}");
    }
}
