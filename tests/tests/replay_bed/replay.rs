//! The ledger of what was replayed, and the comparisons with the recording.

use super::{net::Tx, recording::Recording};
use alloy::{
    primitives::{B256, Log, keccak256},
    sol_types::SolEvent,
};
use bmn_chain::CallOutcome;
use bmn_contracts::bindings::{
    IBmnFactory, IBmnFactory23, IErc20, IEscrow, ILimitOrderProtocol, IOneInchFactory,
    IOneInchFactory1,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a replay has compared so far.
#[derive(Debug)]
pub(crate) struct Replay {
    recording: &'static Recording,
    /// Scenarios whose recorded list of logs lacks an event that must be there, exactly once.
    dropped: &'static [(&'static str, &'static str)],
    pub(crate) reverts: BTreeSet<&'static str>,
    pub(crate) logs: BTreeSet<&'static str>,
    pub(crate) facts: BTreeSet<&'static str>,
}

impl Replay {
    /// Compares with `recording`. Each of `dropped` is a scenario and the event that its recorded list
    /// of logs lacks, although the contracts emitted it; here it must be there exactly once.
    pub(crate) fn new(
        recording: &'static Recording,
        dropped: &'static [(&'static str, &'static str)],
    ) -> Self {
        let [reverts, logs, facts] = [const { BTreeSet::new() }; 3];
        Self { recording, dropped, reverts, logs, facts }
    }

    /// The call ends as recorded: same revert data, or no revert.
    pub(crate) fn reverts(&mut self, name: &'static str, tx: &Tx<'_>) {
        let found = match tx.tried() {
            CallOutcome::Success(_) => None,
            CallOutcome::Reverted(data) => Some(data),
        };
        assert_eq!(found, self.recording.revert(name), "{name}");
        self.reverts.insert(name);
    }

    /// The logs are the recorded ones, byte for byte.
    pub(crate) fn logs(&mut self, scenario: &'static str, logs: &[Log]) {
        self.renamed_logs(scenario, logs, []);
    }

    /// The logs are the recorded ones, except that each of our `own` words (an escrow, a secret: what
    /// comes from randomness of the recording) may stand for another one there, always the same.
    pub(crate) fn renamed_logs<const N: usize>(
        &mut self,
        scenario: &'static str,
        logs: &[Log],
        own: [B256; N],
    ) {
        let recorded = self.recording.logs(scenario);
        let dropped = self.dropped.iter().find(|(name, _)| *name == scenario);
        let kept: Vec<&Log> = match dropped {
            None => logs.iter().collect(),
            Some((_, event)) => {
                let kept: Vec<_> = logs.iter().filter(|log| event_name(log) != *event).collect();
                assert_eq!(kept.len() + 1, logs.len(), "{scenario}: {event} must be there once");
                kept
            }
        };
        let found: Vec<&str> = kept.iter().map(|log| event_name(log)).collect();
        let expected: Vec<&str> = recorded.iter().map(|log| log.event.as_str()).collect();
        assert_eq!(found, expected, "{scenario}: events in order");
        let mut renaming = Renaming { own: &own, names: BTreeMap::new() };
        for (log, expected) in kept.into_iter().zip(&recorded) {
            let at = format!("{scenario}, {}", expected.event);
            renaming.compare(&[log.address.into_word()], &[expected.address.into_word()], &at);
            renaming.compare(log.topics(), &expected.topics, &at);
            assert_eq!(log.data.data.len(), expected.data.len(), "{at}: length of the data");
            renaming.compare(&words(&log.data.data), &words(&expected.data), &at);
        }
        self.logs.insert(scenario);
    }

    /// The value is the recorded one.
    pub(crate) fn fact(&mut self, name: &'static str, found: Value) {
        assert_eq!(&found, self.recording.fact(name), "{name}");
        self.facts.insert(name);
    }

    /// A fact that is recorded in words or depends on randomness: the caller has asserted it.
    pub(crate) fn shown(&mut self, name: &'static str) {
        self.recording.fact(name);
        self.facts.insert(name);
    }
}

/// Our words on the left, recorded ones on the right.
struct Renaming<'a> {
    own: &'a [B256],
    names: BTreeMap<B256, B256>,
}

impl Renaming<'_> {
    fn compare(&mut self, found: &[B256], expected: &[B256], at: &str) {
        assert_eq!(found.len(), expected.len(), "{at}");
        for (found, expected) in found.iter().zip(expected) {
            if self.own.contains(found) {
                let name = self.names.entry(*found).or_insert(*expected);
                assert_eq!(name, expected, "{at}: {found} stands for two things");
            } else {
                assert_eq!(found, expected, "{at}");
            }
        }
        let distinct: BTreeSet<&B256> = self.names.values().collect();
        assert_eq!(distinct.len(), self.names.len(), "{at}: two of ours stand for one thing");
    }
}

fn words(data: &[u8]) -> Vec<B256> {
    assert_eq!(data.len() % 32, 0);
    data.chunks_exact(32).map(B256::from_slice).collect()
}

/// Name of a log's event in Solidity.
pub(crate) fn event_name(log: &Log) -> &'static str {
    let signatures = [
        IErc20::Transfer::SIGNATURE,
        IErc20::Approval::SIGNATURE,
        IBmnFactory::SrcEscrowCreated::SIGNATURE,
        IBmnFactory23::SrcEscrowCreated::SIGNATURE,
        IBmnFactory::DstEscrowCreated::SIGNATURE,
        IBmnFactory::PostInteractionEscrowCreated::SIGNATURE,
        IOneInchFactory1::SrcEscrowCreated::SIGNATURE,
        IOneInchFactory::DstEscrowCreated::SIGNATURE,
        IEscrow::EscrowWithdrawal::SIGNATURE,
        IEscrow::EscrowCancelled::SIGNATURE,
        IEscrow::FundsRescued::SIGNATURE,
        ILimitOrderProtocol::OrderFilled::SIGNATURE,
        ILimitOrderProtocol::OrderCancelled::SIGNATURE,
        ILimitOrderProtocol::BitInvalidatorUpdated::SIGNATURE,
    ];
    let topic = log.topics()[0];
    let signature = signatures.into_iter().find(|it| keccak256(it) == topic).unwrap();
    signature.split_once('(').unwrap().0
}

/// Names of the logs' events, in order.
pub(crate) fn event_names(logs: &[Log]) -> Vec<&'static str> {
    logs.iter().map(event_name).collect()
}
