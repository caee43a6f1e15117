//! Who is told what.

use super::told::{ChangeSubject, OrderSubject, Subject};
use crate::{RpcError, events};
use alloy::primitives::{Address, B256};
use bmn_rpc_api::{
    BlockFilter, ChangeFilter, RpcErrorCode, SecretFilter, SourceFilter, SubscriptionFilter,
    SubscriptionKind,
};
use jsonrpsee::types::ErrorObjectOwned;
use serde::de::DeserializeOwned;

/// The filter of a subscription.
#[derive(Debug)]
pub(crate) enum Filter {
    Swaps(ChangeFilter),
    Orders(SourceFilter),
    Secrets(SecretFilter),
    Blocks(BlockFilter),
}

impl Filter {
    /// The filter that a kind takes.
    ///
    /// # Errors
    /// `invalidParams` names the field.
    pub(crate) fn read(
        kind: SubscriptionKind,
        filter: Option<SubscriptionFilter>,
    ) -> Result<Self, ErrorObjectOwned> {
        Ok(match kind {
            SubscriptionKind::Swaps => Self::Swaps(fields(filter)?),
            SubscriptionKind::Orders => {
                let filter: SourceFilter = fields(filter)?;
                events::block_range(filter.from_block, filter.to_block)?;
                Self::Orders(filter)
            }
            SubscriptionKind::Secrets => Self::Secrets(fields(filter)?),
            SubscriptionKind::Blocks => Self::Blocks(fields(filter)?),
        })
    }

    /// The kind that it narrows.
    pub(crate) const fn kind(&self) -> SubscriptionKind {
        match self {
            Self::Swaps(_) => SubscriptionKind::Swaps,
            Self::Orders(_) => SubscriptionKind::Orders,
            Self::Secrets(_) => SubscriptionKind::Secrets,
            Self::Blocks(_) => SubscriptionKind::Blocks,
        }
    }

    /// The one chain that is followed; none for all of them.
    pub(super) const fn chain(&self) -> Option<u64> {
        match self {
            Self::Swaps(_) => None,
            Self::Orders(filter) => filter.chain,
            Self::Secrets(filter) => filter.chain,
            Self::Blocks(filter) => filter.chain,
        }
    }

    /// Whether a notice is for this subscriber.
    pub(super) fn tells(&self, subject: &Subject) -> bool {
        match (self, subject) {
            (Self::Swaps(filter), Subject::Change(change)) => changes(filter, change),
            (Self::Orders(filter), Subject::Order(order)) => orders(filter, order),
            (Self::Secrets(filter), Subject::Secret { hashlock, escrow }) => {
                filter.hashlock.as_ref().is_none_or(|wanted| wanted.contains(hashlock))
                    && filter.escrow.is_none_or(|wanted| wanted == *escrow)
            }
            _ => true,
        }
    }
}

fn fields<T: DeserializeOwned + Default>(
    filter: Option<SubscriptionFilter>,
) -> Result<T, ErrorObjectOwned> {
    let Some(filter) = filter else { return Ok(T::default()) };
    filter.read().map_err(|error| RpcErrorCode::InvalidParams.with_data(error.to_string()))
}

fn changes(filter: &ChangeFilter, change: &ChangeSubject) -> bool {
    filter.status.as_ref().is_none_or(|wanted| wanted.contains(&change.to))
        && filter.order.as_ref().is_none_or(|wanted| *wanted == change.order)
        && filter.chain.is_none_or(|wanted| change.chains.contains(&wanted))
        && filter.maker.is_none_or(|wanted| wanted == change.maker)
        && filter.token.is_none_or(|wanted| change.tokens.contains(&wanted))
        && filter.hashlock.as_ref().is_none_or(|wanted| wanted.contains(&change.hashlock))
}

fn orders(filter: &SourceFilter, order: &OrderSubject) -> bool {
    let word = |wanted: Option<Address>, word| {
        wanted.is_none_or(|wanted| word == Some(wanted.into_word()))
    };
    let hash = |wanted: Option<B256>, hash| wanted.is_none() || wanted == hash;
    filter.escrow.is_none_or(|wanted| wanted == order.escrow)
        && filter.state.as_ref().is_none_or(|wanted| wanted.contains(&order.state))
        && hash(filter.order_hash, order.order_hash)
        && hash(filter.hashlock, order.hashlock)
        && word(filter.maker, order.maker)
        && word(filter.taker, order.taker)
        && word(filter.token, order.token)
        && filter.from_block.is_none_or(|from| order.block >= from)
        && filter.to_block.is_none_or(|to| order.block <= to)
}

/// The order that a filter names must be one.
pub(super) fn check(filter: &Filter) -> Result<(), RpcError> {
    match filter {
        Filter::Swaps(ChangeFilter { order: Some(order), .. }) => {
            crate::jobs::order(order).map(|_| ())
        }
        _ => Ok(()),
    }
}
