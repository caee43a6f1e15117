//! What stands, who was told of it and when: kept, so that a restart repeats nothing and forgets nothing.

use crate::{Alert, AlertError, AlertId, Alerts, Edge, Message, Severity, Thresholds, Told};
use bmn_records::{Reads, Records, Table, Tx};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Alerts that stand and are remembered.
const MOST: usize = 4_096;

/// Marks by [`AlertId`]: somebody was told of it, and is not told again before the row ends.
const MARKS: Table<Mark> = Table::new("alert_marks");

/// What stands, by [`AlertId`].
const STANDING: Table<Standing> = Table::new("alert_standing");

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Mark {
    severity: Severity,
    told_ms: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Standing {
    id: AlertId,
    alert: Alert,
    /// When somebody was told of it last; none while a mark of an earlier one keeps it quiet.
    told_ms: Option<u64>,
}

/// Decides who is told of what.
#[derive(Debug, Clone)]
pub struct Book {
    records: Records,
    /// As in the records, so that a look that changes nothing writes nothing.
    standing: BTreeMap<AlertId, Standing>,
    /// What people were told of while nothing could be written, and when: not to be told again.
    unwritten: BTreeMap<AlertId, (Told, u64)>,
}

impl Book {
    /// The book of these records, with what stood when it was closed.
    ///
    /// # Errors
    /// [`AlertError::Records`].
    pub fn open(records: Records, now_ms: u64) -> Result<Self, AlertError> {
        let rows = records.read()?.list(&STANDING, &[], false, MOST, now_ms)?;
        let standing = rows.into_iter().map(|(_, row)| (row.id.clone(), row)).collect();
        Ok(Self { records, standing, unwritten: BTreeMap::new() })
    }

    /// What stood.
    pub fn stands(&self) -> Alerts {
        self.standing.iter().map(|(id, row)| (id.clone(), row.alert.clone())).collect()
    }

    /// Takes what changed and what stands, and says what people are to be told. `keep` is called inside the
    /// transaction with that, so that a message and its mark are durable together. Blocks.
    ///
    /// # Errors
    /// [`AlertError::Records`]: nothing is marked then, and the same is said again next time, but for what
    /// [`tell_unwritten`](Self::tell_unwritten) told.
    pub fn note(
        &mut self,
        edges: &[Edge],
        stands: &Alerts,
        (now_ms, limits): (u64, &Thresholds),
        keep: impl FnOnce(&Tx, &[Message]) -> Result<(), AlertError>,
    ) -> Result<Vec<Message>, AlertError> {
        let is_left = |id: &AlertId| !stands.contains_key(id);
        let is_clear = self.unwritten.is_empty() && !self.standing.keys().any(is_left);
        if edges.is_empty() && is_clear && !self.is_due(now_ms, limits) {
            return Ok(Vec::new());
        }
        let tx = self.records.write()?;
        let (mut messages, mut standing) = (Vec::new(), self.standing.clone());
        // Not the edges: one that could not be written comes no second time, and its row is still there.
        let over: Vec<_> =
            standing.keys().filter(|id| !stands.contains_key(*id)).cloned().collect();
        for id in over {
            tx.remove(&STANDING, &id.key())?;
            let Some(row) = standing.remove(&id) else { continue };
            let is_told = matches!(self.unwritten.get(&id), Some((Told::Over, _)));
            if row.told_ms.is_some() && !is_told {
                messages.push(message(
                    &id,
                    ended(edges, &id).unwrap_or(&row.alert),
                    Told::Over,
                    now_ms,
                ));
            }
        }
        for (id, alert) in stands {
            let unwritten = self.unwritten.get(id);
            // One that was over meanwhile begins anew.
            let was_over = matches!(unwritten, Some((Told::Over, _)));
            let before = standing.get(id).filter(|_| !was_over).cloned();
            if before.is_none() && standing.len() >= MOST {
                continue;
            }
            let (row, told) = match unwritten.filter(|_| !was_over) {
                Some((_, at)) => (marked(&tx, id, alert, *at)?, None),
                None => judged(&tx, id, alert, before.as_ref(), (now_ms, limits))?,
            };
            if told.is_some() || before.is_none() || unwritten.is_some() {
                tx.put(&STANDING, &id.key(), &row, None)?;
            }
            messages.extend(told.map(|told| message(id, alert, told, now_ms)));
            standing.insert(id.clone(), row);
        }
        keep(&tx, &messages)?;
        tx.commit()?;
        (self.standing, self.unwritten) = (standing, BTreeMap::new());
        Ok(messages)
    }

    /// What people are told although nothing of it can be written: every change, and nothing of it again once it can.
    pub fn tell_unwritten(&mut self, edges: &[Edge], now_ms: u64) -> Vec<Message> {
        let mut messages = Vec::new();
        for edge in edges {
            let (id, alert, told) = match edge {
                Edge::Began(id, alert) => (id, alert, Told::Began),
                Edge::Worse(id, alert) => (id, alert, Told::Worse),
                Edge::Over(id, alert) => (id, alert, Told::Over),
            };
            // Nobody hears of the end of what nobody was told of.
            let row = self.standing.get(id);
            let is_known =
                self.unwritten.contains_key(id) || row.is_some_and(|it| it.told_ms.is_some());
            if told == Told::Over && !is_known {
                continue;
            }
            if self.unwritten.len() < MOST || self.unwritten.contains_key(id) {
                self.unwritten.insert(id.clone(), (told, now_ms));
            }
            messages.push(message(id, alert, told, now_ms));
        }
        messages
    }

    /// Whether something that stands is to be told of although nothing changed.
    fn is_due(&self, now_ms: u64, limits: &Thresholds) -> bool {
        self.standing.iter().any(|(id, row)| {
            row.told_ms.is_none_or(|told| now_ms < told || now_ms - told >= limits.repeat(id.kind))
        })
    }
}

/// The alert that an edge ends, with its last values.
fn ended<'a>(edges: &'a [Edge], id: &AlertId) -> Option<&'a Alert> {
    edges.iter().find_map(|edge| match edge {
        Edge::Over(of, alert) if of == id => Some(alert),
        _ => None,
    })
}

/// The row of something that stands and that people were told of at a moment at which it could not be written.
fn marked(tx: &Tx, id: &AlertId, alert: &Alert, told_ms: u64) -> Result<Standing, AlertError> {
    let mark = Mark { severity: alert.severity, told_ms };
    tx.put(&MARKS, &id.key(), &mark, Some(told_ms.saturating_add(id.kind.mark())))?;
    Ok(Standing { id: id.clone(), alert: alert.clone(), told_ms: Some(told_ms) })
}

fn message(id: &AlertId, alert: &Alert, told: Told, at_ms: u64) -> Message {
    Message { id: id.clone(), alert: alert.clone(), told, at_ms }
}

/// The row of something that stands, and whether people are told of it now.
fn judged(
    tx: &Tx,
    id: &AlertId,
    alert: &Alert,
    before: Option<&Standing>,
    (now_ms, limits): (u64, &Thresholds),
) -> Result<(Standing, Option<Told>), AlertError> {
    let told_ms = before.and_then(|row| row.told_ms).filter(|told| *told <= now_ms);
    let told = match (before, told_ms) {
        (Some(row), Some(_)) if row.alert.severity < alert.severity => Some(Told::Worse),
        (Some(_), Some(told)) => {
            (now_ms - told >= limits.repeat(id.kind)).then_some(Told::Standing)
        }
        _ => {
            // A mark of the future was made before the clock was set back: it says nothing.
            let mark = tx.get(&MARKS, &id.key(), now_ms)?.filter(|mark| mark.told_ms <= now_ms);
            let quiet = mark.is_some_and(|mark| mark.severity >= alert.severity);
            (!quiet).then_some(Told::Began)
        }
    };
    let told_ms = told.map_or(told_ms, |_| Some(now_ms));
    if told.is_some() {
        let mark = Mark { severity: alert.severity, told_ms: now_ms };
        tx.put(&MARKS, &id.key(), &mark, Some(now_ms.saturating_add(id.kind.mark())))?;
    }
    // Of an alert that is told no more the highest severity that was told is remembered.
    let severity = before.map_or(alert.severity, |row| row.alert.severity.max(alert.severity));
    let alert = Alert { severity, ..alert.clone() };
    Ok((Standing { id: id.clone(), alert, told_ms }, told))
}

#[cfg(test)]
mod tests;
