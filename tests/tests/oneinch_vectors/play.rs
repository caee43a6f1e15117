//! A scenario in the making: a dialect, its recording, and what was compared.

use crate::{
    net::{Actor, DST, Net, SRC},
    replay_bed::{recording::Recording, replay::Replay},
};
use alloy::primitives::{Address, U256};
use bmn_primitives::Dialect;
use serde_json::Value;
use std::sync::LazyLock;

const JSON: &str = include_str!("../../data/oneinch_replay.json");

static RECORDING_1: LazyLock<Recording> = LazyLock::new(|| Recording::new(JSON, &["oneinch1"]));
static RECORDING_2: LazyLock<Recording> = LazyLock::new(|| Recording::new(JSON, &["oneinch2"]));

/// Logs that the recording lacks: the same event of other scenarios shows that it was emitted.
const DROPPED_1: [(&str, &str); 1] = [("I1.srcWithdraw", "EscrowWithdrawal")];
const DROPPED_2: [(&str, &str); 5] = [
    ("I1.srcWithdraw", "EscrowWithdrawal"),
    ("I4.partial 0->10% idx0", "SrcEscrowCreated"),
    ("I4.partial 10->40% idx1", "SrcEscrowCreated"),
    ("I4.partial 40->90% idx3 (skips 2)", "SrcEscrowCreated"),
    ("I4.partial 90->100% idx4 (N)", "SrcEscrowCreated"),
];

#[derive(Debug)]
pub(crate) struct Play {
    pub(crate) dialect: Dialect,
    pub(crate) recording: &'static Recording,
    pub(crate) replay: Replay,
}

impl Play {
    pub(crate) fn new(dialect: Dialect) -> Self {
        let (recording, dropped): (&'static Recording, &'static [_]) = match dialect {
            Dialect::OneInch1 => (&RECORDING_1, &DROPPED_1),
            _ => (&RECORDING_2, &DROPPED_2),
        };
        Self { dialect, recording, replay: Replay::new(recording, dropped) }
    }

    /// Fees come out of the destination amount.
    pub(crate) fn has_parameters(&self) -> bool {
        self.dialect.has_parameters()
    }

    /// A list of the recording that is the same for both dialects.
    pub(crate) fn cases(&self, kind: &str) -> &'static [Value] {
        let cases = self.recording.at(&[kind]).as_array().unwrap();
        assert!(!cases.is_empty());
        cases
    }

    pub(crate) fn of_dialect(&self, kind: &str, name: &str) -> &'static Value {
        self.recording.at(&[kind, self.dialect.name(), name])
    }

    pub(crate) fn sample(&self, name: &str) -> &'static Value {
        self.of_dialect("samples", name)
    }

    pub(crate) fn src(&self) -> Net {
        Net::one_inch(self.dialect, SRC)
    }

    pub(crate) fn dst(&self) -> Net {
        Net::one_inch(self.dialect, DST)
    }
}

/// Somebody sends coins to an address, in the next second.
pub(crate) fn fund(net: &Net, address: Address, wei: U256) {
    net.tx(Actor::Bob, address, vec![]).paying(wei).mined();
}
