//! One question, put to one endpoint after the other.

use crate::{fault::Fault, pool::Pool};
use bmn_chain::ChainError;
use bmn_primitives::BlockRef;
use std::collections::BTreeSet;

/// Goes round the endpoints, best first, with a pause between rounds, until one has an answer or
/// every round is over.
pub(crate) struct Tour<'a> {
    pool: &'a Pool,
    round: u32,
    tried: Vec<usize>,
    /// The last fault of each endpoint.
    faults: Vec<Option<Fault>>,
    /// Our newest block, where the question is about what follows it.
    cursor: Option<BlockRef>,
}

impl<'a> Tour<'a> {
    pub(crate) fn new(pool: &'a Pool) -> Self {
        Self::after(pool, None)
    }

    /// A question about what follows `cursor`.
    pub(crate) fn after(pool: &'a Pool, cursor: Option<BlockRef>) -> Self {
        Self { pool, round: 0, tried: vec![], faults: vec![None; pool.len()], cursor }
    }

    /// The endpoint to ask now; an error when there is none left to ask.
    pub(crate) async fn next(&mut self) -> Result<usize, ChainError> {
        loop {
            let next = self.pool.order().into_iter().find(|at| !self.tried.contains(at));
            if let Some(at) = next {
                self.tried.push(at);
                return Ok(at);
            }
            let settled = |at: &usize| self.faults[*at].as_ref().is_some_and(Fault::is_settled);
            let pointless = !self.tried.is_empty() && self.tried.iter().all(settled);
            self.round += 1;
            if pointless || self.round >= self.pool.limits.rounds {
                return Err(self.error());
            }
            self.pause().await?;
            self.tried.clear();
        }
    }

    async fn pause(&self) -> Result<(), ChainError> {
        let limits = &self.pool.limits;
        let doubled = limits.backoff.saturating_mul(2u32.saturating_pow((self.round - 1).min(16)));
        let backoff = self.pool.jittered(doubled.min(limits.max_backoff));
        let ready = self.pool.next_ready().filter(|wait| *wait <= limits.max_backoff);
        let Some(ready) = ready else { return Err(self.error()) };
        tokio::time::sleep(backoff.max(ready)).await;
        Ok(())
    }

    /// The endpoint's answer is of no use.
    pub(crate) fn failed(&mut self, at: usize, fault: Fault) {
        let endpoint = self.pool.name(at);
        tracing::debug!(target: "bmn::host_rpc", endpoint, %fault, "asking another endpoint");
        if fault.is_useless() {
            self.pool.was_useless(at);
        }
        self.faults[at] = Some(fault);
    }

    /// What follows when nobody has an answer. Only what every endpoint of our chain says is more
    /// than a passing trouble: one that was not heard may know better.
    fn error(&self) -> ChainError {
        let chain = self.pool.chain;
        let states = self.pool.states();
        let wrong: Vec<_> = states.iter().map(|state| state.wrong_chain).collect();
        if let Some(Some(found)) = wrong.first()
            && wrong.iter().all(Option::is_some)
        {
            return ChainError::WrongChain { expected: chain, found: *found };
        }
        let reason = self.reasons();
        let ours = || self.faults.iter().zip(&wrong).filter(|(_, wrong)| wrong.is_none());
        let all = |is: fn(&Fault) -> bool| ours().all(|(it, _)| it.as_ref().is_some_and(is));
        if all(|it| matches!(it, Fault::Pruned { .. })) {
            let block = ours().find_map(|(it, _)| match it {
                Some(Fault::Pruned { block, .. }) => *block,
                _ => None,
            });
            let block = block.or(self.cursor.map(|cursor| cursor.number));
            return ChainError::Pruned { chain, block: block.unwrap_or_default(), reason };
        }
        if let Some(cursor) = self.cursor
            && all(|it| matches!(it, Fault::Beyond))
        {
            return ChainError::BeyondHistory { chain, cursor };
        }
        if all(|it| matches!(it, Fault::Inconsistent(_))) {
            return ChainError::Inconsistent { chain, reason };
        }
        ChainError::Unavailable { chain, reason }
    }

    /// Whether every endpoint that answered says that its head is below our cursor, and as many hosts
    /// as must agree do.
    pub(crate) fn is_behind(&self) -> bool {
        let heard = || {
            let said = self.faults.iter().enumerate();
            said.filter_map(|(at, it)| Some((at, it.as_ref()?))).filter(|(_, it)| !it.is_failure())
        };
        let hosts: BTreeSet<usize> = heard().map(|(at, _)| self.pool.host(at)).collect();
        hosts.len() >= self.pool.agreement.max(1)
            && heard().all(|(_, it)| matches!(it, Fault::Behind))
    }

    /// The error that follows from endpoints that do not agree on a block, where some did not.
    pub(crate) fn disagreement(&self) -> Option<ChainError> {
        let disagree = |it: &Fault| matches!(it, Fault::Disagree(_));
        self.faults.iter().flatten().any(disagree).then(|| self.error())
    }

    /// What each endpoint said last.
    fn reasons(&self) -> String {
        let reason = |(state, fault): (crate::EndpointState, &Option<Fault>)| {
            let said = match (fault, state.wrong_chain, state.last_failure) {
                (Some(fault), ..) => fault.to_string(),
                (None, Some(found), _) => Fault::WrongChain(found).to_string(),
                (None, None, Some(failure)) => format!("left alone after: {failure}"),
                (None, None, None) if state.resting.is_some() => Fault::Resting.to_string(),
                (None, None, None) => "has nothing else to say".to_owned(),
            };
            format!("{}: {said}", state.name)
        };
        let reasons = self.pool.states().into_iter().zip(&self.faults).map(reason);
        reasons.collect::<Vec<_>>().join("; ")
    }
}
