//! The terminal: keys in, frames out, and left as it was found.

use super::{
    alerts,
    feed::Feed,
    model::{Model, Screen, View},
    render,
};
use crate::{failure::Failure, signals};
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::DefaultTerminal;
use std::{io, time::Duration};
use tokio::sync::{mpsc, watch};

/// Between two frames while nothing comes in: countdowns go on.
const TICK: Duration = Duration::from_millis(500);
/// Between two looks for a key.
const KEYS: Duration = Duration::from_millis(100);
/// Alerts that wait for the next look; the node's words wait beyond that.
const ALERTS: usize = 256;
/// Rows of a page.
const PAGE: usize = 10;

/// Shows what the feed says until a key or a signal ends it.
pub(super) async fn run(
    mut feed: Feed,
    model: Model,
    screen: Screen,
    every: Duration,
) -> Result<(), Failure> {
    let stop = signals::stop();
    // Also restores the terminal when something panics.
    let mut terminal = ratatui::try_init()?;
    let (sender, models) = watch::channel(model.clone());
    let (pressed, keys) = mpsc::channel(16);
    let reader = tokio::task::spawn_blocking(move || read_keys(&pressed));
    let operator = feed.operator();
    let (teller, mut told) = mpsc::channel(ALERTS);
    let feeding = async {
        let mut model = model;
        loop {
            tokio::time::sleep(every).await;
            // A failure is in the model: it is shown, and the next look tries again.
            let _ = feed.look(&mut model).await;
            while let Ok(one) = told.try_recv() {
                feed.told(&one, &mut model);
            }
            sender.send_replace(model.clone());
        }
    };
    let ran = tokio::select! {
        shown = show(&mut terminal, models, keys, screen) => shown,
        () = feeding => Ok(()),
        never = alerts::follow(&operator, &teller) => match never {},
        () = stop => Ok(()),
    };
    ratatui::restore();
    // The receiver is gone: it ends at its next look.
    reader.await.map_err(eyre::Report::new)??;
    Ok(ran?)
}

fn read_keys(pressed: &mpsc::Sender<Event>) -> io::Result<()> {
    while !pressed.is_closed() {
        if event::poll(KEYS)? && pressed.blocking_send(event::read()?).is_err() {
            break;
        }
    }
    Ok(())
}

async fn show(
    terminal: &mut DefaultTerminal,
    mut models: watch::Receiver<Model>,
    mut keys: mpsc::Receiver<Event>,
    mut screen: Screen,
) -> io::Result<()> {
    use bmn_node::Clock;
    let clock = bmn_node::SystemClock::new();
    let mut model = models.borrow_and_update().clone();
    loop {
        terminal.draw(|frame| render::render(frame, &model, &screen))?;
        tokio::select! {
            changed = models.changed() => match changed {
                Ok(()) if !screen.paused => model = models.borrow_and_update().clone(),
                Ok(()) => {}
                Err(_) => return Ok(()),
            },
            pressed = keys.recv() => match pressed {
                Some(Event::Key(key)) if key.kind != KeyEventKind::Release => match press(screen, key) {
                    Some(next) => screen = next,
                    None => return Ok(()),
                },
                Some(_) => {}
                None => return Ok(()),
            },
            () = tokio::time::sleep(TICK) => {}
        }
        if !screen.paused {
            model.now = clock.unix_seconds();
        }
    }
}

/// What a key does; `None` quits.
fn press(screen: Screen, key: KeyEvent) -> Option<Screen> {
    let is_ctrl_c = key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c');
    if is_ctrl_c {
        return None;
    }
    if screen.help {
        return Some(Screen { help: false, ..screen });
    }
    let view = |view| Screen { view, scroll: 0, ..screen };
    let scroll = |scroll| Screen { scroll, ..screen };
    Some(match key.code {
        KeyCode::Char('q') | KeyCode::Esc => return None,
        KeyCode::Char('?' | 'h') => Screen { help: true, ..screen },
        KeyCode::Char('p' | ' ') => Screen { paused: !screen.paused, ..screen },
        KeyCode::Tab => view(screen.view.next()),
        KeyCode::Char(digit @ '1'..='5') => {
            let at = digit.to_digit(10).unwrap_or(1) as usize - 1;
            view(View::ALL.get(at).copied().unwrap_or_default())
        }
        KeyCode::Down | KeyCode::Char('j') => scroll(screen.scroll.saturating_add(1)),
        KeyCode::Up | KeyCode::Char('k') => scroll(screen.scroll.saturating_sub(1)),
        KeyCode::PageDown => scroll(screen.scroll.saturating_add(PAGE)),
        KeyCode::PageUp => scroll(screen.scroll.saturating_sub(PAGE)),
        KeyCode::Home => scroll(0),
        _ => screen,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_does_what_the_help_says() {
        let key = |code| KeyEvent::new(code, KeyModifiers::NONE);
        let all = |codes: &[KeyCode]| {
            codes.iter().try_fold(Screen::default(), |screen, code| press(screen, key(*code)))
        };
        let view = |codes: &[KeyCode]| all(codes).unwrap().view;
        assert_eq!(view(&[KeyCode::Tab]), View::Swaps);
        assert_eq!(view(&[KeyCode::Tab; 5]), View::Overview, "round and round");
        assert_eq!(view(&[KeyCode::Char('4')]), View::Queue);
        let scrolled = all(&[KeyCode::PageDown, KeyCode::Down, KeyCode::Up, KeyCode::Up]).unwrap();
        assert_eq!(scrolled.scroll, 9);
        assert_eq!(all(&[KeyCode::Up]).unwrap().scroll, 0);
        assert_eq!(
            all(&[KeyCode::Down, KeyCode::Char('2')]).unwrap().scroll,
            0,
            "a view begins at its top"
        );
        assert!(all(&[KeyCode::Char('p')]).unwrap().paused);
        assert!(!all(&[KeyCode::Char('p'), KeyCode::Char('p')]).unwrap().paused);
        assert_eq!(all(&[KeyCode::Char('q')]), None);
        let helped = all(&[KeyCode::Char('?')]).unwrap();
        assert!(
            helped.help && !press(helped, key(KeyCode::Char('q'))).unwrap().help,
            "closes them alone"
        );
        let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(press(helped, ctrl_c), None);
    }
}
