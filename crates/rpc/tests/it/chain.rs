//! Blocks of chain A, made by hand, and subscriptions to them.

use crate::fixture::{
    A, Fixture, event, header, immutables, inclusion, lock, order_id, source_leg,
};
use alloy::primitives::{Address, B256};
use bmn_chain::Header;
use bmn_contracts::ContractEvent;
use bmn_primitives::{BlockRef, Hashlock, Secret};
use bmn_rpc_api::Notice;
use bmn_store::{Reads, WriteTx};
use bmn_swap::{EscrowEnd, Inclusion, SourceLeg, SourceTerms};
use jsonrpsee::{Subscription, core::traits::ToRpcParams};
use serde_json::{Value, value::RawValue};

/// What a block of A does to the escrows of strangers, by number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Does {
    Creates(u8),
    Withdraws(u8),
    Cancels(u8),
}

pub(crate) fn escrow(n: u8) -> Address {
    Address::repeat_byte(n)
}

pub(crate) fn secret(n: u8) -> [u8; 32] {
    [n ^ 0x80; 32]
}

/// Block `number` of a fork that begins at block `first`.
pub(crate) fn fork(number: u64, first: u64) -> Header {
    let hash = |number| B256::repeat_byte(0xf0 + u8::try_from(number).unwrap());
    let parent = if number == first { header(number).parent_hash } else { hash(number - 1) };
    Header { hash: hash(number), parent_hash: parent, ..header(number) }
}

fn leg(n: u8, created: Inclusion) -> SourceLeg {
    let mut leg = source_leg(order_id(A, n), lock(secret(n)));
    leg.swap.escrow = escrow(n);
    leg.created = created;
    let SourceTerms::Stated { immutables: bound, .. } = &mut leg.terms else { unreachable!() };
    *bound = immutables(order_id(A, n), lock(secret(n)));
    bound.maker = Address::repeat_byte(n).into();
    leg
}

fn put(tx: &mut WriteTx, at: Inclusion, does: Does) {
    let (Does::Creates(n) | Does::Withdraws(n) | Does::Cancels(n)) = does;
    let (leg, what) = match does {
        Does::Creates(_) => {
            let leg = leg(n, at);
            let (immutables, complement) = leg.stated().unwrap();
            let (immutables, complement) = (immutables.clone(), complement.clone());
            (leg, ContractEvent::SourceCreated { immutables, complement })
        }
        Does::Withdraws(_) | Does::Cancels(_) => {
            let swap = leg(n, at).swap;
            let mut leg = tx.source_leg(swap).unwrap().unwrap();
            let (end, what) = match does {
                Does::Withdraws(_) => {
                    let secret = secret(n).into();
                    (EscrowEnd::Withdrawn { secret }, ContractEvent::Withdrawn { secret })
                }
                _ => (EscrowEnd::Cancelled, ContractEvent::Cancelled),
            };
            leg.end = Some((end, at));
            (leg, what)
        }
    };
    tx.put_source_leg(&leg).unwrap();
    tx.put_event(&event(A, at, escrow(n), what)).unwrap();
}

impl Fixture {
    /// A block of A, durable and announced.
    pub(crate) fn extend(&self, header: &Header, does: &[Does]) -> BlockRef {
        let block = header.block_ref();
        let mut tx = self.store.write().unwrap();
        tx.begin_block(A, header).unwrap();
        for (log, does) in (0..).zip(does) {
            put(&mut tx, Inclusion { block, ..inclusion(1, log) }, *does);
        }
        tx.end_block().unwrap();
        tx.commit().unwrap();
        self.announce();
        block
    }

    /// Takes blocks of A back, newest first, and puts others in their place, in one commit.
    pub(crate) fn reorg(&self, gone: &[BlockRef], new: &[(Header, Vec<Does>)]) -> Vec<BlockRef> {
        let mut tx = self.store.write().unwrap();
        for block in gone {
            tx.revert_block(A, *block).unwrap();
        }
        let mut blocks = Vec::new();
        for (header, does) in new {
            let block = header.block_ref();
            tx.begin_block(A, header).unwrap();
            for (log, does) in (0..).zip(does) {
                put(&mut tx, Inclusion { block, ..inclusion(1, log) }, *does);
            }
            tx.end_block().unwrap();
            blocks.push(block);
        }
        tx.commit().unwrap();
        self.announce();
        blocks
    }

    pub(crate) fn finalize(&self, block: BlockRef, trimmed: bool) {
        let mut tx = self.store.write().unwrap();
        tx.set_finalized(A, block).unwrap();
        if trimmed {
            tx.trim_undo(A, block.number + 1, 100).unwrap();
        }
        tx.commit().unwrap();
        self.announce();
    }

    pub(crate) async fn subscribe(&self, params: Value, buffer: usize) -> Subscription {
        let params = serde_json::value::to_raw_value(&params).unwrap();
        self.module.subscribe("bmn_subscribe", Params(params), buffer).await.unwrap()
    }
}

struct Params(Box<RawValue>);

impl ToRpcParams for Params {
    fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        Ok(Some(self.0))
    }
}

pub(crate) async fn next(subscription: &mut Subscription) -> Option<Notice> {
    let notice = subscription.next::<Notice>().await?;
    Some(notice.unwrap().0)
}

/// The next notice in one word.
pub(crate) async fn word(subscription: &mut Subscription) -> String {
    summary(&next(subscription).await.expect("the subscription ended"))
}

/// Several of them.
pub(crate) async fn words(subscription: &mut Subscription, count: usize) -> Vec<String> {
    let mut words = Vec::new();
    for _ in 0..count {
        words.push(word(subscription).await);
    }
    words
}

/// A notice in one word.
pub(crate) fn summary(notice: &Notice) -> String {
    match notice {
        Notice::Change(change) => format!("change {}", change.sequence),
        Notice::Order(order) => {
            let state = serde_json::to_value(order.state).unwrap();
            format!("{} {} in {}", state.as_str().unwrap(), order.escrow[0], order.at.block.number)
        }
        Notice::Secret(shown) => {
            assert_eq!(Secret::new(shown.secret.0).hashlock(), Hashlock(shown.hashlock));
            format!("secret of {} in {}", shown.escrow[0], shown.at.block.number)
        }
        Notice::Block(block) => {
            format!("block {}..{} with {}", block.from, block.block.number, block.events)
        }
        Notice::Reorg(reorg) => format!("void from {}", reorg.from_block),
        Notice::Alert(alert) => format!("{:?} {}", alert.kind, alert.standing),
        Notice::Lagged { .. } => "lagged".to_owned(),
    }
}

/// Where to go on after a notice.
pub(crate) fn resume(notice: &Notice) -> Value {
    serde_json::to_value(notice).unwrap()["resume"].clone()
}
