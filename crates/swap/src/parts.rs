//! Orders that are filled in parts (1inch): which part is ours next, and with which secret.

use crate::Refusal;
use alloy::primitives::{U256, U512};
use bmn_contracts::{LimitOrder, SecretTree, parts_of, required_secret};
use bmn_primitives::{Dialect, Hashlock};
use serde::{Deserialize, Serialize};

/// Parts of an order that we take at most: every part is a row of ours and carries all secret hashes.
pub const MOST_PARTS: u16 = 256;

/// One fill of an order that takes several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Place of its secret among the order's, which is [`OrderId::leaf`](bmn_primitives::OrderId::leaf).
    pub leaf: u16,
    /// What the maker gives, smallest unit.
    pub making: U256,
    /// What he is paid, smallest unit.
    pub taking: U256,
}

/// What is paid for `making` of an order: its share of the taking amount, rounded up as the limit-order
/// contract does.
pub fn taking_amount(order: &LimitOrder, making: U256) -> U256 {
    if making == order.making_amount || order.making_amount.is_zero() {
        return order.taking_amount;
    }
    let scaled = U512::from(order.taking_amount) * U512::from(making);
    scaled.div_ceil(U512::from(order.making_amount)).saturating_to()
}

/// The most that can be made of an order so that no more than `taking` is paid for it.
pub fn affordable_making(order: &LimitOrder, taking: U256) -> U256 {
    if taking >= order.taking_amount || order.taking_amount.is_zero() {
        return order.making_amount;
    }
    let scaled = U512::from(order.making_amount) * U512::from(taking);
    (scaled / U512::from(order.taking_amount)).saturating_to()
}

/// True when the factory reads the order's hashlock word as a number of parts and a Merkle root: the
/// traits decide it, not the word.
pub fn has_parts(dialect: Dialect, order: &LimitOrder) -> bool {
    matches!(dialect, Dialect::OneInch1 | Dialect::OneInch2)
        && order.maker_traits.allow_multiple_fills()
}

/// Checks the secret hashes that came with an order against its hashlock word.
///
/// # Errors
/// What is wrong with them, and how many are needed.
pub fn check_secrets(hashlock_word: Hashlock, secret_hashes: &[Hashlock]) -> Result<(), Refusal> {
    let parts = parts_of(hashlock_word);
    let bad = |reason: String| Err(Refusal::BadSecretHashes(reason));
    if parts < 2 {
        return bad(format!("the order says it has {parts} parts; the factory wants at least 2"));
    }
    if parts > MOST_PARTS {
        return bad(format!("the order has {parts} parts; at most {MOST_PARTS} are taken"));
    }
    let needed = usize::from(parts) + 1;
    if secret_hashes.len() != needed {
        return bad(format!("{} were given, {needed} are needed", secret_hashes.len()));
    }
    match SecretTree::new(secret_hashes) {
        Ok(tree) if tree.hashlock_word() == hashlock_word => Ok(()),
        Ok(_) => bad("their Merkle root is not the one that the maker signed".to_owned()),
        Err(error) => bad(error.to_string()),
    }
}

/// The next fill of an order of which `remaining` is left: all of it, or as much as `most` allows. The
/// secret follows from what is filled before it and by it.
///
/// # Errors
/// Nothing is left, `most` is below `least`, the maker wants one fill, or the amount reaches no secret
/// that is not used yet.
pub fn next_part(
    order: &LimitOrder,
    parts: u16,
    remaining: U256,
    most: U256,
    least: U256,
) -> Result<Part, Refusal> {
    if remaining.is_zero() || remaining > order.making_amount {
        return Err(Refusal::Invalidated);
    }
    let making = remaining.min(most);
    let no_part = |reason: String| Refusal::NoPart { remaining, most, reason };
    if making < remaining && order.maker_traits.no_partial_fills() {
        return Err(no_part("the maker wants it filled at once".to_owned()));
    }
    if making.is_zero() || (making < least && making < remaining) {
        return Err(no_part(format!("less than the {least} that a part must have")));
    }
    let leaf = required_secret(order.making_amount, remaining, making, parts)
        .map_err(|error| no_part(error.to_string()))?;
    let leaf = u16::try_from(leaf).map_err(|_| no_part(format!("there is no secret {leaf}")))?;
    Ok(Part { leaf, making, taking: taking_amount(order, making) })
}
