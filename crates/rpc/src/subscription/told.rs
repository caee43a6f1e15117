//! What subscribers are told, written once for all of them.

use super::position::Position;
use alloy::primitives::{Address, B256};
use bmn_rpc_api::{
    Cursor, EscrowState, Notice, OrderNotice, ReorgNotice, SubscribeFrom, SwapStatus,
};
use serde_json::value::RawValue;
use std::sync::Arc;

/// What a notice is about, for filters.
#[derive(Debug)]
pub(super) enum Subject {
    /// Everybody is told.
    Everybody,
    Change(ChangeSubject),
    Order(OrderSubject),
    Secret {
        hashlock: B256,
        escrow: Address,
    },
}

/// A change of an order of ours.
#[derive(Debug)]
pub(super) struct ChangeSubject {
    pub(super) order: String,
    pub(super) to: SwapStatus,
    pub(super) chains: [u64; 2],
    pub(super) tokens: [Address; 2],
    pub(super) maker: Address,
    pub(super) hashlock: B256,
}

/// A source escrow.
#[derive(Debug)]
pub(super) struct OrderSubject {
    pub(super) escrow: Address,
    pub(super) state: EscrowState,
    pub(super) order_hash: Option<B256>,
    pub(super) hashlock: Option<B256>,
    pub(super) maker: Option<B256>,
    pub(super) taker: Option<B256>,
    pub(super) token: Option<B256>,
    pub(super) block: u64,
}

impl From<&OrderNotice> for OrderSubject {
    fn from(order: &OrderNotice) -> Self {
        Self {
            escrow: order.escrow,
            state: order.state,
            order_hash: order.order_hash,
            hashlock: order.hashlock,
            maker: order.maker,
            taker: order.taker,
            token: order.token,
            block: order.at.block.number,
        }
    }
}

/// A notice as it is written to every subscriber.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) subject: Subject,
    /// Where to go on after it.
    pub(super) resume: Resume,
    pub(super) json: Box<RawValue>,
}

/// Where a subscriber goes on, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resume {
    Number(u64),
    Position(Cursor),
}

/// Where a subscriber stands.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// Before this number of the change log.
    Log(u64),
    /// In a chain.
    Chain(Arc<Position>),
}

impl Place {
    /// Whether both have been told the same.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Log(one), Self::Log(other)) => one == other,
            (Self::Chain(one), Self::Chain(other)) => one.is(other),
            _ => false,
        }
    }

    /// Of two that are the same, the one that remembers more of the way to it.
    pub(super) fn fuller<'a>(&'a self, other: &'a Self) -> &'a Self {
        match (self, other) {
            (Self::Chain(one), Self::Chain(more)) if more.remembers_more_than(one) => other,
            _ => self,
        }
    }
}

/// What follows a place.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) told: Vec<Told>,
    pub(super) next: Place,
    /// Something that was told before is void.
    pub(super) rewinds: bool,
    /// Nothing follows it in the snapshot that it was read from.
    pub(super) is_last: bool,
}

impl Told {
    pub(super) fn new(notice: &Notice, subject: Subject, resume: Resume) -> Self {
        Self { subject, resume, json: written(notice) }
    }

    /// That what was told of block `from` and of those after it is void.
    pub(super) fn reorg(chain: u64, from_block: u64, resume: Cursor) -> Self {
        let notice = ReorgNotice { chain, from_block, resume: resume.clone() };
        Self::new(&Notice::Reorg(notice), Subject::Everybody, Resume::Position(resume))
    }
}

/// That the subscriber was too slow. Without a place to go on from it begins again with what stands.
pub(super) fn lagged(resumes: Vec<Resume>) -> Box<RawValue> {
    let mut number = None;
    let mut positions = Vec::new();
    for resume in resumes {
        match resume {
            Resume::Number(next) => number = Some(SubscribeFrom::Number(next)),
            Resume::Position(position) => positions.push(position),
        }
    }
    let positions = Some(positions).filter(|all| !all.is_empty()).map(SubscribeFrom::Positions);
    written(&Notice::Lagged { resume_from: number.or(positions) })
}

/// A notice as JSON.
pub(super) fn written(notice: &Notice) -> Box<RawValue> {
    serde_json::value::to_raw_value(notice).expect("a notice is a struct of plain values")
}
