//! What stands in front of the extra data of a 1inch order: fees, and who may fill it from when.

use crate::{Order, Origin, Refusal};
use alloy::primitives::Address;
use bmn_contracts::{FillFee, FillTerms};
use bmn_primitives::Dialect;

/// What the header of a 1inch order has against a fill by `taker` (`protocol.md` 7.3). That it is too
/// early is nothing against it: see [`fill_opens_at`].
pub(crate) fn header_refusals(dialect: Dialect, header: &[u8], taker: Address) -> Vec<Refusal> {
    if dialect.has_absolute_times() {
        return Vec::new();
    }
    let bad = |reason: String| Refusal::BadHeader(reason);
    let terms = match FillTerms::decode(dialect, header) {
        Ok(terms) => terms,
        Err(error) => return vec![bad(error.to_string())],
    };
    let mut reasons = Vec::new();
    if matches!(&terms.fee, FillFee::Destination(fees) if fees.post_interaction.is_some()) {
        reasons.push(bad("a fill would call a contract that we do not know".to_owned()));
    }
    // Others may fill with the access token, for a fee; ours is not known to hold it.
    if terms.openings(taker).whitelisted.is_none() {
        reasons.push(bad(format!("{taker} is not among the resolvers that may fill it")));
    }
    reasons
}

/// From when on `taker` may fill an order, unix seconds; zero where its header says nothing of it.
pub(crate) fn fill_opens_at(order: &Order, taker: Address) -> u64 {
    let Origin::Submitted(signed) = &order.origin else { return 0 };
    let opens = || {
        let extension = signed.order.check_extension(&signed.extension).ok()?;
        let (_, tail) = extension.post_interaction().ok()?;
        let (terms, _) = FillTerms::from_extra_data(order.dialect, tail).ok()?;
        terms.openings(taker).whitelisted
    };
    if order.dialect.has_absolute_times() { 0 } else { opens().unwrap_or(0) }
}
