use super::*;
use crate::{Condition, Conditions, Kind, Watch};

const HOUR: u64 = 60 * MINUTE;
const MINUTE: u64 = 60_000;

/// A watch and its book, as a process has them.
struct Desk {
    records: Records,
    watch: Watch,
    book: Book,
}

impl Desk {
    fn new() -> Self {
        Self::over(Records::in_memory().unwrap(), 0)
    }

    fn over(records: Records, now: u64) -> Self {
        let book = Book::open(records.clone(), now).unwrap();
        Self { watch: Watch::resumed(book.stands()), book, records }
    }

    /// The next process over the same records.
    fn restarted(self, now: u64) -> Self {
        Self::over(self.records, now)
    }

    fn look(&mut self, wrong: Option<(Kind, Severity, &str)>, now: u64) -> Vec<Told> {
        let conditions: Conditions = wrong
            .into_iter()
            .map(|(kind, severity, text)| {
                (AlertId::new(kind, "1/TKA"), Condition { severity, text: text.to_owned() })
            })
            .collect();
        let edges = self.watch.look_with(&conditions, now, |_| 0);
        let stands = self.watch.stands().clone();
        let messages =
            self.book.note(&edges, &stands, (now, &Thresholds::default()), |_, _| Ok(())).unwrap();
        messages.into_iter().map(|message| message.told).collect()
    }
}

const LOW: Option<(Kind, Severity, &str)> = Some((Kind::LowBalance, Severity::Warning, "9 left"));

#[test]
fn a_balance_is_told_once_an_hour_whatever_its_value() {
    let mut desk = Desk::new();
    assert_eq!(desk.look(LOW, 1), [Told::Began]);
    let lower = Some((Kind::LowBalance, Severity::Warning, "8 left"));
    assert_eq!(desk.look(lower, 2), [], "a new value is no new alert");
    assert_eq!(desk.look(LOW, HOUR), []);
    assert_eq!(desk.look(LOW, HOUR + 1), [Told::Standing]);
    assert_eq!(desk.look(LOW, HOUR + 2), []);
    assert_eq!(desk.look(None, HOUR + 3), [Told::Over]);
    assert_eq!(desk.look(None, HOUR + 4), []);
}

#[test]
fn what_comes_back_is_quiet_until_its_mark_ends_and_told_then_if_it_stands() {
    let mut desk = Desk::new();
    let near = Some((Kind::TimelockApproaching, Severity::Critical, "near"));
    assert_eq!(desk.look(near, 0), [Told::Began]);
    assert_eq!(desk.look(None, MINUTE), [Told::Over]);
    assert_eq!(desk.look(near, 2 * MINUTE), []);
    assert_eq!(desk.look(None, 3 * MINUTE), [], "nobody was told that it began again");
    assert_eq!(desk.look(near, 4 * MINUTE), []);
    assert_eq!(desk.look(near, 10 * MINUTE - 1), []);
    assert_eq!(desk.look(near, 10 * MINUTE), [Told::Began], "the mark of the first one is over");
}

#[test]
fn a_restart_repeats_nothing_and_forgets_nothing() {
    let mut desk = Desk::new();
    assert_eq!(desk.look(LOW, 7), [Told::Began]);
    let mut desk = desk.restarted(8);
    assert_eq!(desk.look(LOW, 9), []);
    assert_eq!(desk.watch.stands().values().next().unwrap().since_ms, 7);
    let mut desk = desk.restarted(10);
    assert_eq!(desk.look(None, 11), [Told::Over], "it ended while nobody looked");
    assert!(desk.restarted(12).book.stands().is_empty());
}

#[test]
fn worse_is_told_at_once_and_better_is_not() {
    let mut desk = Desk::new();
    let health = |severity| Some((Kind::OverallHealth, severity, "so"));
    assert_eq!(desk.look(health(Severity::Warning), 0), [Told::Began]);
    assert_eq!(desk.look(health(Severity::Critical), 1), [Told::Worse]);
    assert_eq!(desk.look(health(Severity::Warning), 2), []);
    assert_eq!(desk.look(health(Severity::Critical), 3), []);
}

#[test]
fn a_clock_that_is_set_back_silences_nothing() {
    let mut desk = Desk::new();
    assert_eq!(desk.look(LOW, 100 * HOUR), [Told::Began]);
    assert_eq!(desk.look(LOW, HOUR), [Told::Began], "nobody is left without a word for a day");
    assert_eq!(desk.look(LOW, HOUR + 1), []);
    assert_eq!(desk.look(LOW, 2 * HOUR), [Told::Standing]);
}

#[test]
fn what_could_not_be_kept_is_told_again() {
    let mut desk = Desk::new();
    let alert = Alert { severity: Severity::Warning, text: String::new(), since_ms: 0 };
    let id = AlertId::new(Kind::DiskLow, "");
    let stands = Alerts::from([(id.clone(), alert.clone())]);
    let edges = [Edge::Began(id, alert)];
    let broken = desk.book.note(&edges, &stands, (1, &Thresholds::default()), |_, _| {
        Err(AlertError::Interrupted("no room".to_owned()))
    });
    assert!(broken.is_err() && desk.restarted(2).book.stands().is_empty());
}

/// A desk whose records take nothing for the moment.
fn refused(desk: &mut Desk, edges: &[Edge], now: u64) -> Vec<Told> {
    let stands = desk.watch.stands().clone();
    let limits = Thresholds::default();
    let broken = desk.book.note(edges, &stands, (now, &limits), |_, _| {
        Err(AlertError::Interrupted("no room".to_owned()))
    });
    assert!(broken.is_err());
    desk.book.tell_unwritten(edges, now).into_iter().map(|message| message.told).collect()
}

#[test]
fn an_end_that_could_not_be_written_is_told_once_and_written_later() {
    let mut desk = Desk::new();
    assert_eq!(desk.look(LOW, 1), [Told::Began]);
    let edges = desk.watch.look_with(&Conditions::new(), 2, |_| 0);
    assert_eq!(refused(&mut desk, &edges, 2), [Told::Over]);
    assert_eq!(desk.book.clone().stands().len(), 1, "its row is still there");
    assert_eq!(desk.look(None, 3), [], "nobody is told twice");
    let mut desk = desk.restarted(4);
    assert!(desk.book.stands().is_empty(), "and the next process knows nothing of it");
    assert_eq!(desk.look(None, 5), []);
    assert_eq!(desk.look(LOW, HOUR + 1), [Told::Began], "it is new when it comes back");
}

#[test]
fn what_ended_unwritten_and_came_back_begins_anew() {
    let mut desk = Desk::new();
    assert_eq!(desk.look(LOW, 1), [Told::Began]);
    let edges = desk.watch.look_with(&Conditions::new(), 2, |_| 0);
    assert_eq!(refused(&mut desk, &edges, 2), [Told::Over]);
    assert_eq!(desk.look(LOW, HOUR + 1), [Told::Began]);
}

#[test]
fn a_beginning_that_could_not_be_written_is_told_once_and_its_end_too() {
    let mut desk = Desk::new();
    let low = |(kind, severity, text): (Kind, Severity, &str)| {
        let condition = Condition { severity, text: text.to_owned() };
        Conditions::from([(AlertId::new(kind, "1/TKA"), condition)])
    };
    let edges = desk.watch.look_with(&low(LOW.unwrap()), 1, |_| 0);
    assert_eq!(refused(&mut desk, &edges, 1), [Told::Began]);
    assert_eq!(desk.look(LOW, 2), []);
    let mut desk = desk.restarted(3);
    assert_eq!(desk.book.stands().len(), 1);
    assert_eq!(desk.look(LOW, 4), []);
    assert_eq!(desk.look(None, 5), [Told::Over]);
}

#[test]
fn nobody_hears_of_the_end_of_what_he_was_not_told_of() {
    let mut desk = Desk::new();
    assert_eq!(desk.look(LOW, 1), [Told::Began]);
    assert_eq!(desk.look(None, 2), [Told::Over]);
    assert_eq!(desk.look(LOW, 3), [], "its mark keeps it quiet");
    let edges = desk.watch.look_with(&Conditions::new(), 4, |_| 0);
    assert_eq!(refused(&mut desk, &edges, 4), []);
    assert_eq!(desk.look(None, 5), []);
}
