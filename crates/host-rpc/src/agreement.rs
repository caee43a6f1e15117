//! What several hosts must say alike before it is believed.

use crate::{fault::Fault, pool::Pool};
use futures_util::{StreamExt, stream::FuturesUnordered};
use std::future::Future;
use tokio::time::{Instant, timeout_at};

/// Votes on one question. A host has one vote however many endpoints of it are configured: two
/// addresses of one provider are one opinion.
#[derive(Debug)]
pub(crate) struct Ballot<T> {
    need: usize,
    cast: Vec<(usize, T)>,
}

impl<T: PartialEq> Ballot<T> {
    /// `need` hosts must say the same.
    pub(crate) const fn new(need: usize) -> Self {
        Self { need, cast: vec![] }
    }

    /// The first vote of a host counts.
    pub(crate) fn cast(&mut self, host: usize, vote: T) {
        if self.cast.iter().all(|(other, _)| *other != host) {
            self.cast.push((host, vote));
        }
    }

    /// Hosts that were heard.
    pub(crate) const fn heard(&self) -> usize {
        self.cast.len()
    }

    /// Each host and its vote.
    pub(crate) fn all(&self) -> impl Iterator<Item = (usize, &T)> {
        self.cast.iter().map(|(host, vote)| (*host, vote))
    }

    pub(crate) fn votes(&self, choice: &T) -> usize {
        self.cast.iter().filter(|(_, vote)| vote == choice).count()
    }

    /// Votes of the strongest other choice.
    pub(crate) fn rival(&self, choice: &T) -> usize {
        let others = self.cast.iter().filter(|(_, vote)| vote != choice);
        others.map(|(_, vote)| self.votes(vote)).max().unwrap_or_default()
    }

    /// Whether enough hosts are behind `choice`, and more than behind any other even if `open` more
    /// votes went there.
    pub(crate) fn carries(&self, choice: &T, open: usize) -> bool {
        let votes = self.votes(choice);
        votes >= self.need && votes > self.rival(choice).saturating_add(open)
    }

    fn leader(&self) -> Option<&T> {
        self.cast.iter().map(|(_, vote)| vote).find(|vote| self.carries(vote, 0))
    }

    fn is_decided(&self, open: usize) -> bool {
        self.cast.iter().any(|(_, vote)| self.carries(vote, open))
    }

    /// The votes that carry the day, all alike; none where there was no decision.
    pub(crate) fn winners(self) -> Vec<T> {
        let Some(choice) = self.leader() else { return vec![] };
        let wins: Vec<bool> = self.cast.iter().map(|(_, vote)| vote == choice).collect();
        let votes = self.cast.into_iter().map(|(_, vote)| vote).zip(wins);
        votes.filter_map(|(vote, wins)| wins.then_some(vote)).collect()
    }
}

/// How long to wait for votes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Once enough say the same, nobody else is waited for longer than this.
    pub(crate) enough: Instant,
    /// Nobody is waited for longer than this.
    pub(crate) most: Instant,
}

/// Asks these endpoints at once, until the outcome cannot change any more or patience ends. Answers
/// what those said who have no vote.
pub(crate) async fn canvass<T, F>(
    pool: &Pool,
    ballot: &mut Ballot<T>,
    voters: &[usize],
    patience: Patience,
    ask: impl Fn(usize) -> F + Send + Sync,
) -> Vec<(usize, Fault)>
where
    T: PartialEq + Send,
    F: Future<Output = Result<T, Fault>> + Send,
{
    let one = |at: usize| {
        let vote = ask(at);
        async move { (at, vote.await) }
    };
    let mut open: FuturesUnordered<_> = voters.iter().map(|at| one(*at)).collect();
    let mut silent = Vec::new();
    while !ballot.is_decided(open.len()) {
        let until = if ballot.is_decided(0) { patience.enough } else { patience.most };
        match timeout_at(until, open.next()).await {
            Ok(Some((at, Ok(vote)))) => ballot.cast(pool.host(at), vote),
            Ok(Some((at, Err(fault)))) => silent.push((at, fault)),
            Ok(None) | Err(_) => break,
        }
    }
    silent
}

/// What the hosts say where each may say something else: more than half of them, and as many as must
/// agree, or fewer when patience ends. Also what those said who have no answer.
pub(crate) async fn gather<T, F>(
    pool: &Pool,
    most: Instant,
    ask: impl Fn(usize) -> F + Send + Sync,
) -> (Vec<T>, Vec<(usize, Fault)>)
where
    T: Send,
    F: Future<Output = Result<T, Fault>> + Send,
{
    let one = |at: usize| {
        let answer = ask(at);
        async move { (at, answer.await) }
    };
    let enough = pool.agreement.max(pool.hosts() / 2 + 1);
    let mut open: FuturesUnordered<_> = pool.voters().into_iter().map(one).collect();
    let (mut answers, mut silent) = (Vec::new(), Vec::new());
    while answers.len() < enough {
        match timeout_at(most, open.next()).await {
            Ok(Some((_, Ok(answer)))) => answers.push(answer),
            Ok(Some((at, Err(fault)))) => silent.push((at, fault)),
            Ok(None) | Err(_) => break,
        }
    }
    (answers, silent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn enough_is_a_number_of_hosts_and_more_than_any_other() {
        let mut ballot = Ballot::new(2);
        ballot.cast(0, 'a');
        ballot.cast(0, 'a');
        assert!(!ballot.carries(&'a', 0), "a host votes once");
        ballot.cast(1, 'a');
        assert!(ballot.carries(&'a', 0) && !ballot.carries(&'a', 2));
        ballot.cast(2, 'b');
        ballot.cast(3, 'b');
        assert!(!ballot.carries(&'a', 0), "two against two");
        ballot.cast(4, 'a');
        assert_eq!(ballot.winners(), ['a'; 3]);
        assert!(Ballot::<char>::new(1).winners().is_empty());
    }

    proptest! {
        #[test]
        fn fewer_liars_than_needed_never_win(
            need in 1usize..5,
            votes in prop::collection::vec((0usize..8, any::<bool>()), 0..20),
        ) {
            let mut ballot = Ballot::new(need);
            for (host, _) in &votes {
                // Hosts below `need` lie, one fewer than it takes.
                ballot.cast(*host, if *host + 1 < need { "lie" } else { "truth" });
            }
            prop_assert!(!ballot.winners().contains(&"lie"));
        }
    }
}
