//! Answers that move money, from one endpoint or from as many hosts as must agree.

use crate::{
    agreement::{Ballot, Patience, canvass},
    client::RpcClient,
    fault::Fault,
    pool::Pool,
    tour::Tour,
};
use alloy::primitives::B256;
use bmn_chain::{ChainError, SendRejection};
use futures_util::{StreamExt, stream::FuturesUnordered};
use std::{collections::VecDeque, future::Future};
use tokio::time::{Instant, sleep, timeout_at};

/// Hashes of transactions that are remembered as sent.
const REMEMBERED: usize = 256;

/// Transactions that were handed over lately, the newest last.
#[derive(Debug, Default)]
pub(crate) struct Sent(VecDeque<B256>);

impl Sent {
    /// Whether this one was handed over before.
    pub(crate) fn is_repeated(&mut self, hash: B256) -> bool {
        if self.0.contains(&hash) {
            return true;
        }
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(hash);
        false
    }
}

/// What a pool says to a transaction.
pub(crate) type Taken = Result<(), SendRejection>;

impl RpcClient {
    /// Asks until one endpoint answers, or enough hosts answer alike.
    pub(crate) async fn any<T, F>(
        &self,
        ask: impl Fn(usize) -> F + Send + Sync,
    ) -> Result<T, ChainError>
    where
        T: PartialEq + Send,
        F: Future<Output = Result<T, Fault>> + Send,
    {
        if self.pool.agreement <= 1 {
            return first(&self.pool, ask).await;
        }
        let mut alike = self.quorum(ask).await?;
        alike.pop().ok_or_else(|| self.unavailable("no endpoint answers".to_owned()))
    }

    /// The answers of the hosts that say the same; at least as many as must agree.
    pub(crate) async fn quorum<T, F>(
        &self,
        ask: impl Fn(usize) -> F + Send + Sync,
    ) -> Result<Vec<T>, ChainError>
    where
        T: PartialEq + Send,
        F: Future<Output = Result<T, Fault>> + Send,
    {
        let (pool, limits) = (&self.pool, &self.pool.limits);
        let enough = Instant::now() + limits.agreement_wait;
        let most = enough.max(Instant::now() + limits.request_timeout);
        loop {
            let mut ballot = Ballot::new(pool.agreement);
            let (voters, patience) = (pool.voters(), Patience { enough, most });
            let silent = canvass(pool, &mut ballot, &voters, patience, &ask).await;
            let heard = ballot.heard();
            let alike = ballot.winners();
            if !alike.is_empty() {
                return Ok(alike);
            }
            if Instant::now() + limits.agreement_poll >= enough {
                let silent = silent.iter().map(|(at, it)| format!("; {}: {it}", pool.name(*at)));
                let (silent, need) = (silent.collect::<String>(), pool.agreement);
                let reason = format!("{need} hosts must agree; {heard} answered{silent}");
                return Err(self.unavailable(reason));
            }
            sleep(limits.agreement_poll).await;
        }
    }

    /// Hands a transaction to every endpoint at once: one that takes it and drops it, or refuses it
    /// for no reason, holds nothing up. `None` where none answered.
    pub(crate) async fn broadcast<F>(
        &self,
        send: impl Fn(usize) -> F + Send + Sync,
    ) -> Option<Taken>
    where
        F: Future<Output = Result<Taken, Fault>> + Send,
    {
        let one = |at: usize| {
            let sent = send(at);
            async move { (at, sent.await) }
        };
        let limits = &self.pool.limits;
        let mut open: FuturesUnordered<_> = self.pool.order().into_iter().map(one).collect();
        let mut until = Instant::now() + limits.request_timeout;
        let mut refused = None;
        let mut taken = false;
        while let Ok(Some((at, answer))) = timeout_at(until, open.next()).await {
            match answer {
                Ok(Ok(()) | Err(SendRejection::AlreadyKnown)) => {
                    if !taken {
                        // The others get a moment: giving a call up may keep it from going out.
                        (taken, until) = (true, Instant::now() + limits.agreement_poll);
                    }
                }
                Ok(Err(rejection)) => {
                    refused.get_or_insert(rejection);
                }
                Err(fault) => {
                    let endpoint = self.pool.name(at);
                    tracing::debug!(target: "bmn::host_rpc", endpoint, %fault, "not sent there");
                }
            }
        }
        if taken { Some(Ok(())) } else { refused.map(Err) }
    }

    pub(crate) fn unavailable(&self, reason: String) -> ChainError {
        ChainError::Unavailable { chain: self.pool.chain, reason }
    }
}

/// Asks one endpoint after the other; every fault is another's turn.
pub(crate) async fn first<T, F>(
    pool: &Pool,
    ask: impl Fn(usize) -> F + Send + Sync,
) -> Result<T, ChainError>
where
    F: Future<Output = Result<T, Fault>> + Send,
{
    let mut tour = Tour::new(pool);
    loop {
        let at = tour.next().await?;
        match ask(at).await {
            Ok(found) => {
                pool.was_useful(at);
                return Ok(found);
            }
            Err(fault) => tour.failed(at, fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_remembered_for_a_while() {
        let mut sent = Sent::default();
        let hash = |it: usize| B256::left_padding_from(&(it as u64).to_be_bytes());
        for it in 0..REMEMBERED {
            assert!(!sent.is_repeated(hash(it)));
        }
        assert!(sent.is_repeated(hash(0)));
        assert!(!sent.is_repeated(hash(REMEMBERED)));
        assert!(!sent.is_repeated(hash(0)), "the oldest made room");
        assert_eq!(sent.0.len(), REMEMBERED);
    }
}
