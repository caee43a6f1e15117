//! What the steps of a swap use, against what admission reckons with.

use crate::bed::Bed;
use alloy::primitives::Address;
use bmn_contracts::{ContractEvent, Emitter, decode};
use bmn_host_dev::TxOutcome;
use bmn_primitives::Dialect;
use bmn_sim::accounts::DevAccount;
use bmn_swap::{PathStep, step_gas};
use std::collections::BTreeMap;

/// Gas of every successful step of ours on both chains, the dearest of each kind.
pub(crate) fn used(bed: &Bed, dialect: Dialect) -> BTreeMap<PathStep, u64> {
    let mut used = BTreeMap::new();
    for (chain, node) in bed.world.network.chains.iter().enumerate() {
        let factory = node.factory(dialect).address;
        for number in 0..=node.chain.head().number {
            let block = node.chain.block(number).expect("stored").expect("canonical");
            for (tx, outcome) in block.txs().iter().zip(block.outcomes()) {
                if tx.sender() != DevAccount::Resolver.address() {
                    continue;
                }
                if let Some(step) = step(outcome, factory, dialect, chain == 0) {
                    let dearest = used.entry(step).or_insert(0);
                    *dearest = outcome.gas_used.max(*dearest);
                }
            }
        }
    }
    used
}

fn step(
    outcome: &TxOutcome,
    factory: Address,
    dialect: Dialect,
    on_source: bool,
) -> Option<PathStep> {
    outcome.logs.iter().find_map(|log| {
        let by_factory = log.address == factory;
        let emitter = if by_factory { Emitter::Factory(dialect) } else { Emitter::Escrow(dialect) };
        let event = decode(emitter, log.topics(), &log.data.data).ok()??;
        Some(match (event, on_source) {
            (ContractEvent::SourceCreated { .. } | ContractEvent::PostInteraction { .. }, true) => {
                PathStep::Fill
            }
            (ContractEvent::DestinationCreated { .. }, false) => PathStep::Create,
            (ContractEvent::Withdrawn { .. }, true) => PathStep::WithdrawSource,
            (ContractEvent::Withdrawn { .. }, false) => PathStep::WithdrawDestination,
            (ContractEvent::Cancelled, true) => PathStep::CancelSource,
            (ContractEvent::Cancelled, false) => PathStep::CancelDestination,
            (ContractEvent::Rescued { .. }, true) => PathStep::RescueSource,
            (ContractEvent::Rescued { .. }, false) => PathStep::RescueDestination,
            _ => return None,
        })
    })
}

/// What is wrong with the figures: a step that uses more than was reckoned with, or not half of it.
pub(crate) fn misjudged(used: &BTreeMap<PathStep, u64>, dialect: Dialect) -> Vec<String> {
    let is_wrong = |(step, used): &(&PathStep, &u64)| {
        let reckoned = step_gas(dialect, **step);
        **used > reckoned || reckoned > 2 * **used
    };
    let told = |(step, used): (&PathStep, &u64)| {
        let reckoned = step_gas(dialect, *step);
        format!("{dialect} {step}: {used} gas used, {reckoned} reckoned with")
    };
    used.iter().filter(is_wrong).map(told).collect()
}
