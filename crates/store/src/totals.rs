//! Sums that are asked for with every order, kept beside the rows they are over.
//!
//! Each is changed in the transaction that changes its rows, so that no question grows with the number of
//! open orders. 512 bits hold every sum of 256-bit amounts, so what is added can be taken away again.

use crate::claims::{MakerClaim, totals_of};
use crate::keys::Key;
use crate::rows::{Rows, row};
use crate::tables::{self, TOTALS};
use crate::{StoreError, WriteTx, decode, encode};
use alloy::primitives::{Address, U256, U512};
use bmn_primitives::{ChainId, OrderId};
use bmn_swap::{Exposure, Status, Usage};
use redb::ReadableTable;
use std::collections::BTreeMap;

type Result<T> = std::result::Result<T, StoreError>;

/// What is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Total {
    /// Number of orders in a status: 0, status (1 byte).
    Orders(Status),
    /// Promised of a token, smallest unit: 1, chain, token.
    Promised(ChainId, Address),
    /// Value of the open orders that pay with or are paid in a token: 2, chain, token.
    Token(ChainId, Address),
    /// Of a maker: 3, maker.
    Maker(Address),
    /// From one chain to another: 4, source chain, destination chain.
    Route(ChainId, ChainId),
    /// Through a factory: 5, chain, factory.
    Factory(ChainId, Address),
    /// What open orders claim of a maker's token: 6, chain, token, maker.
    Claimed(ChainId, Address, Address),
    /// Those of one limit-order contract: 7, chain, contract, token, maker.
    ClaimedThrough(ChainId, Address, Address, Address),
}

impl Total {
    fn key(&self) -> Key {
        let kind = |kind: u8| Key::default().bytes(&[kind]);
        match *self {
            Self::Orders(status) => kind(0).bytes(&[status as u8]),
            Self::Promised(chain, token) => kind(1).u64(chain.0).address(token),
            Self::Token(chain, token) => kind(2).u64(chain.0).address(token),
            Self::Maker(maker) => kind(3).address(maker),
            Self::Route(from, to) => kind(4).u64(from.0).u64(to.0),
            Self::Factory(chain, factory) => kind(5).u64(chain.0).address(factory),
            Self::Claimed(chain, token, maker) => {
                kind(6).u64(chain.0).address(token).address(maker)
            }
            Self::ClaimedThrough(chain, contract, token, maker) => {
                kind(7).u64(chain.0).address(contract).address(token).address(maker)
            }
        }
    }

    /// What an open order counts in.
    fn of(exposure: &Exposure) -> impl Iterator<Item = Self> {
        let Exposure { token, source_token, maker, route, factory, .. } = *exposure;
        let source = (source_token != token).then_some(Self::Token(source_token.0, source_token.1));
        [
            Self::Token(token.0, token.1),
            Self::Maker(maker),
            Self::Route(route.0, route.1),
            Self::Factory(factory.0, factory.1),
        ]
        .into_iter()
        .chain(source)
    }
}

impl WriteTx {
    pub(crate) fn raise(&mut self, total: &Total, by: U512) -> Result<()> {
        self.set_total(total, |before| before.checked_add(by))
    }

    pub(crate) fn lower(&mut self, total: &Total, by: U512) -> Result<()> {
        self.set_total(total, |before| before.checked_sub(by))
    }

    // A sum that does not hold what is taken from it was damaged: with it, more would be promised than
    // there is.
    fn set_total(&mut self, total: &Total, change: impl Fn(U512) -> Option<U512>) -> Result<()> {
        let key = total.key();
        let before = sum(self, total)?;
        match change(before) {
            Some(after) if after == before => Ok(()),
            Some(after) if after.is_zero() => self.remove(TOTALS, key.as_slice()),
            Some(after) => self.put_row(TOTALS, key.as_slice(), &after),
            None => Err(StoreError::undecodable(TOTALS.name, key.as_slice())),
        }
    }

    /// Counts an order in the place of what it counted before.
    pub(crate) fn count_exposure(
        &mut self,
        before: Option<&Exposure>,
        after: Option<&Exposure>,
    ) -> Result<()> {
        // First what is added: what is the same before and after never passes through nothing.
        for (exposure, is_added) in [(after, true), (before, false)] {
            let Some(exposure) = exposure else { continue };
            let value = U512::from(exposure.value);
            for total in Total::of(exposure) {
                if is_added { self.raise(&total, value)? } else { self.lower(&total, value)? }
            }
        }
        Ok(())
    }
}

fn sum<R: Rows + ?Sized>(rows: &R, total: &Total) -> Result<U512> {
    Ok(row(rows, TOTALS, total.key().as_slice())?.unwrap_or_default())
}

/// Orders in a status.
pub(crate) fn orders_in<R: Rows + ?Sized>(rows: &R, status: Status) -> Result<u64> {
    Ok(sum(rows, &Total::Orders(status))?.saturating_to())
}

/// Saturates: a sum that does not fit in 256 bits can promise nothing more anyway.
pub(crate) fn promised<R: Rows + ?Sized>(rows: &R, chain: ChainId, token: Address) -> Result<U256> {
    Ok(sum(rows, &Total::Promised(chain, token))?.saturating_to())
}

/// Saturates, as what is promised.
pub(crate) fn claimed<R: Rows + ?Sized>(rows: &R, total: &Total) -> Result<U256> {
    Ok(sum(rows, total)?.saturating_to())
}

/// What is open against an order that would add `adding`.
pub(crate) fn usage<R: Rows + ?Sized>(rows: &R, adding: &Exposure) -> Result<Usage> {
    let value = |total: Total| -> Result<u128> { Ok(sum(rows, &total)?.saturating_to()) };
    Ok(Usage {
        token: value(Total::Token(adding.token.0, adding.token.1))?,
        source_token: value(Total::Token(adding.source_token.0, adding.source_token.1))?,
        maker: value(Total::Maker(adding.maker))?,
        route: value(Total::Route(adding.route.0, adding.route.1))?,
        factory: value(Total::Factory(adding.factory.0, adding.factory.1))?,
    })
}

/// The sums of a file that did not have them.
pub(crate) fn count_again(txn: &redb::WriteTransaction) -> Result<()> {
    let mut sums: BTreeMap<Vec<u8>, U512> = BTreeMap::new();
    let mut add = |key: Key, value: U512| {
        let sum = sums.entry(key.as_slice().to_vec()).or_default();
        *sum = sum.saturating_add(value);
    };
    for row in txn.open_table(tables::ORDERS_BY_STATUS.definition())?.iter()? {
        let status = row?.0.value().first().copied().unwrap_or_default();
        add(Key::default().bytes(&[0, status]), U512::ONE);
    }
    for row in txn.open_table(tables::RESERVATIONS_BY_TOKEN.definition())?.iter()? {
        let (key, value) = row?;
        let of = key.value().get(..8 + Address::len_bytes()).unwrap_or_default();
        let amount: U256 = decode(tables::RESERVATIONS_BY_TOKEN.name, key.value(), value.value())?;
        add(Key::default().bytes(&[1]).bytes(of), U512::from(amount));
    }
    for row in txn.open_table(tables::EXPOSURES.definition())?.iter()? {
        let (key, value) = row?;
        let open: Exposure = decode(tables::EXPOSURES.name, key.value(), value.value())?;
        Total::of(&open).for_each(|total| add(total.key(), U512::from(open.value)));
    }
    for row in txn.open_table(tables::CLAIMS.definition())?.iter()? {
        let (key, value) = row?;
        let claim: MakerClaim = decode(tables::CLAIMS.name, key.value(), value.value())?;
        let order = OrderId::from_bytes(key.value());
        let order =
            order.ok_or_else(|| StoreError::undecodable(tables::CLAIMS.name, key.value()))?;
        totals_of(order, &claim).into_iter().for_each(|(total, amount)| add(total.key(), amount));
    }
    let mut totals = txn.open_table(TOTALS.definition())?;
    totals.retain(|_, _| false)?;
    for (key, value) in sums.into_iter().filter(|(_, value)| !value.is_zero()) {
        totals.insert(key.as_slice(), encode(TOTALS.name, &value)?.as_slice())?;
    }
    Ok(())
}
