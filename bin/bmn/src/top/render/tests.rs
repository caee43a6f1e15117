use super::*;
use crate::top::model::{
    AlertLine, BalanceLine, ChainLine, CutOff, EndpointLine, Known, LaneLine, NodeLine, StateCount,
    SwapLine, Window,
};

const PANELS: [&str; 7] = [
    "Swaps by state",
    "Chains",
    "Next windows",
    "Queue lanes",
    "Balances and reservations",
    "Trends",
    "Last errors and alerts",
];

fn chain(id: u64, name: &str) -> ChainLine {
    ChainLine {
        id,
        name: name.to_owned(),
        head: Some(1_234),
        head_time: Some(1_000_000),
        seen_at: 1_000_003,
        finalized: Some(1_202),
        account: "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc".to_owned(),
        nonce: 7,
        in_flight: 2,
        tip: Some(1_235),
        index: Some("live".to_owned()),
    }
}

fn swap(number: u64, at: u64) -> SwapLine {
    SwapLine {
        order: format!("0x{number:064x}"),
        status: "bothLocked".to_owned(),
        route: "Chain A > Chain B".to_owned(),
        sells: "1000 TKA".to_owned(),
        buys: "1950 USDX".to_owned(),
        step: "fill waiting".to_owned(),
        windows: vec![
            Window { what: "dst withdraw", chain: 1, at },
            Window { what: "src cancel", chain: 2, at: at + 600 },
        ],
    }
}

fn busy(swaps: u64) -> Model {
    let chains = vec![chain(1, "Chain A"), chain(2, "Chain B")];
    let lane = |id, name: &str| LaneLine {
        chain: name.to_owned(),
        id,
        waiting: 41,
        ready: 2,
        leased: 1,
        sent: 3,
        dead: 1,
        next: "block 1240".to_owned(),
    };
    let node = NodeLine {
        version: "bmn/1.2.3".to_owned(),
        uptime: 3_725,
        acting: true,
        health: Some("healthy".to_owned()),
        ..NodeLine::default()
    };
    let mut model = Model {
        source: "http://127.0.0.1:8547".to_owned(),
        now: 1_000_005,
        node: Some(node),
        states: vec![
            StateCount { state: "lost".to_owned(), count: 1 },
            StateCount { state: "bothLocked".to_owned(), count: swaps },
            StateCount { state: "completed".to_owned(), count: 9_999 },
        ],
        swaps: (0..swaps).map(|number| swap(number, 1_000_045 + number)).collect(),
        chains,
        lanes: Known::Known(vec![lane(1, "Chain A"), lane(2, "Chain B")]),
        balances: Known::Known(vec![BalanceLine {
            chain: "Chain A".to_owned(),
            token: "USDX".to_owned(),
            held: Ok("123456.789".to_owned()),
            promised: "1950".to_owned(),
            locked: "3900".to_owned(),
        }]),
        endpoints: Known::Known(vec![EndpointLine {
            chain: 1,
            url: "http://127.0.0.1:8545".to_owned(),
            head: Ok(1_235),
            millis: 3,
        }]),
        alerts: vec![AlertLine {
            at: 1_000_001,
            kind: "overdue".to_owned(),
            place: "Chain A".to_owned(),
            text: "withdraw of 0x01 is near its latest safe time".to_owned(),
            standing: true,
        }],
        ..Model::default()
    };
    (0..300).for_each(|sample| model.trends.queue.push(sample % 9));
    model
}

fn frame(model: &Model, view: View, size: (u16, u16)) -> String {
    let text = as_text(model, &Screen { view, ..Screen::default() }, size);
    for line in text.lines() {
        assert!(width(line) <= usize::from(size.0), "{line}");
    }
    assert!(text.lines().count() <= usize::from(size.1));
    text
}

#[test]
fn every_panel_is_there_in_every_size_and_with_any_number_of_swaps() {
    let mut empty = busy(0);
    (empty.states, empty.alerts) = (Vec::new(), Vec::new());
    for model in [Model::default(), empty, busy(1), busy(1_000)] {
        for size in [(60, 16), (80, 24), (120, 30), (200, 50), (400, 100)] {
            let text = frame(&model, View::Overview, size);
            for title in PANELS {
                assert!(text.contains(title), "{title} at {size:?}:\n{text}");
            }
            assert!(text.contains("q quit"), "{text}");
        }
    }
}

#[test]
fn at_80_by_24_the_facts_can_be_read() {
    let text = frame(&busy(3), View::Overview, (80, 24));
    for fact in [
        "http://127.0.0.1:8547",
        "bmn/1.2.3",
        "up 1h02m",
        "healthy, acting",
        "bothLocked",
        "completed",
        "9999",
        "Chain A",
        "1234",
        "0x000000…0001",
        "dst withdraw",
        "in 43s",
        "123456.789",
        "1950",
        "is near its",
        "1/1",
    ] {
        assert!(text.contains(fact), "{fact}:\n{text}");
    }
    let first = text.lines().position(|line| line.contains("in 43s"));
    let last = text.lines().position(|line| line.contains("in 45s"));
    assert!(first < last, "the first to open comes first:\n{text}");
}

#[test]
fn what_does_not_fit_is_counted() {
    let text = frame(&busy(1_000), View::Overview, (80, 24));
    assert!(text.contains("+ 996 more; key 2 lists them") || text.contains("+ 997 more"), "{text}");
    let wide = frame(&busy(1_000), View::Overview, (200, 50));
    assert!(wide.matches("bothLocked").count() > 10, "{wide}");
    let more = Model { more_swaps: true, ..busy(1_000) };
    assert!(frame(&more, View::Overview, (80, 24)).contains("at least"));
}

#[test]
fn long_names_and_strange_letters_break_nothing() {
    let mut model = busy(2);
    model.chains[0].name = "a chain with a name that nobody can read to its end ".repeat(4);
    model.swaps[0].status = "日本語の状態".repeat(9);
    model.alerts[0].text = format!("\u{1b}[31m{}", "endless".repeat(200));
    for view in View::ALL {
        for size in [(60, 16), (80, 24), (200, 50)] {
            let text = frame(&model, view, size);
            assert!(!text.contains('\u{1b}'), "a token's words steer no terminal");
        }
    }
}

#[test]
fn it_says_since_when_it_is_cut_off_and_keeps_what_it_knew() {
    let cut = CutOff { since: 1_000_000 - 3_600, reason: "connection refused".to_owned() };
    let model = Model { cut_off: Some(cut), ..busy(1) };
    let text = frame(&model, View::Overview, (80, 24));
    assert!(text.contains("CUT OFF since 12:46:40 UTC (1h00m)"), "{text}");
    assert!(text.contains("what is shown is from before") && text.contains("bothLocked"), "{text}");
    let never = Model { node: None, ..model };
    let text = frame(&never, View::Overview, (80, 24));
    assert!(text.contains("no answer yet") && text.contains("connection refused"), "{text}");
}

#[test]
fn a_window_that_is_too_small_says_how_large_it_must_be() {
    for size in [(59, 16), (60, 15), (20, 5)] {
        let text = frame(&busy(1), View::Overview, size);
        let one_line = text.lines().collect::<Vec<_>>().join(" ");
        assert!(one_line.contains("needs 60x16"), "{text}");
        assert!(!text.contains("Next windows"), "{text}");
    }
    frame(&busy(1), View::Overview, (1, 1));
}

#[test]
fn every_view_shows_its_own_and_scrolls() {
    let mut model = busy(1_000);
    model.alerts = Vec::new();
    (0..100).for_each(|number| {
        model.tell(AlertLine {
            at: 1,
            kind: "deadLetter".to_owned(),
            place: format!("step {number}"),
            text: "given up".to_owned(),
            standing: true,
        });
    });
    for (view, word) in [
        (View::Swaps, "Open swaps: 1000"),
        (View::Chains, "Endpoints"),
        (View::Queue, "Steps"),
        (View::Alerts, "100 standing"),
    ] {
        assert!(frame(&model, view, (80, 24)).contains(word), "{word}");
    }
    let at = |scroll| {
        as_text(&model, &Screen { view: View::Swaps, scroll, ..Screen::default() }, (80, 24))
    };
    assert!(at(0).contains("0x000000…0000") && !at(5).contains("0x000000…0000"));
    assert!(at(5).contains("ORDER"), "the heading stays");
    assert_eq!(at(5_000), at(usize::MAX), "not beyond the end");
    assert!(at(5_000).contains("0x000000…03e7"), "{}", at(5_000));
}

#[test]
fn pausing_help_and_colours_change_what_they_should_alone() {
    let model = busy(1);
    let of = |screen: Screen| as_text(&model, &screen, (80, 24));
    let usual = of(Screen::default());
    assert_eq!(of(Screen { colour: true, ..Screen::default() }), usual);
    assert!(of(Screen { paused: true, ..Screen::default() }).contains("PAUSED"));
    assert!(of(Screen { help: true, ..Screen::default() }).contains("any key closes them"));
    assert!(!usual.contains("PAUSED") && usual.contains("[1 Overview]"));
    let coloured = |colour| {
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        let screen = Screen { colour, ..Screen::default() };
        let drawn = terminal.draw(|frame| render(frame, &model, &screen)).unwrap();
        drawn.buffer.content.iter().any(|cell| cell.fg != ratatui::style::Color::Reset)
    };
    assert!(coloured(true) && !coloured(false));
}

#[test]
fn what_the_operator_alone_may_see_is_said_to_be_not_known() {
    let mut model = busy(1);
    model.lanes = Known::NotKnown("the operator's methods are not served at this URL".to_owned());
    let text = frame(&model, View::Overview, (80, 24));
    assert!(text.contains("not known: the operator's"), "{text}");
}
