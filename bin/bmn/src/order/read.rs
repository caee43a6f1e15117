//! An order file, read and understood.

use crate::{chains::Chains, failure::Failure, files};
use alloy::primitives::Address;
use bmn_contracts::{ExtraData, FillTerms, LimitOrder, OrderFile, order_domain, parts_of};
use bmn_primitives::{ChainId, Dialect, OrderHash};
use bmn_swap::{check_secrets, has_parts};
use std::path::Path;

/// Reads an order file; `-` is stdin.
pub(super) fn file(path: &Path) -> Result<OrderFile, Failure> {
    let text = files::read_small(path)?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::Usage(format!("{}: not an order file: {error}", path.display())))
}

/// The text of an order file.
pub(super) fn write(file: &OrderFile) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(file).map_err(std::io::Error::from)?;
    Ok(text + "\n")
}

/// What an order file says, with everything that follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Understood {
    /// The order's words.
    pub(super) order: LimitOrder,
    /// Source chain.
    pub(super) chain: ChainId,
    /// Factory in the extension.
    pub(super) factory: Address,
    /// Limit-order contract that the factory listens to.
    pub(super) contract: Address,
    /// The factory's dialect.
    pub(super) dialect: Dialect,
    /// What the extension says about the destination.
    pub(super) extra: ExtraData,
    /// Who may fill it, where the dialect says so.
    pub(super) fill_terms: Option<FillTerms>,
    /// In how many parts it can be filled, when it can.
    pub(super) parts: Option<u16>,
    /// EIP-712 digest.
    pub(super) hash: OrderHash,
}

/// Derives what an order file means, and compares what it claims.
///
/// # Errors
/// The first field that is malformed or contradicts the order, or a chain or factory not known here.
pub(super) fn understand(file: &OrderFile, chains: &Chains) -> Result<Understood, Failure> {
    let usage = |error: &dyn std::error::Error| Failure::Usage(error.to_string());
    let read = file.read().map_err(|error| usage(&error))?;
    let spec = chains.named(&read.chain_id.to_string())?;
    let extension = read.order.check_extension(&read.extension).map_err(|error| usage(&error))?;
    let (factory, tail) = extension.post_interaction().map_err(|error| usage(&error))?;
    let factory = crate::chains::factory_at(spec, factory)?;
    let dialect = factory.dialect;
    let domain = order_domain(dialect, spec.chain_id, factory.limit_order_protocol);
    let (hash, extra) = read.verify(&domain, dialect).map_err(|error| usage(&error))?;
    let fill_terms = match dialect {
        Dialect::OneInch1 | Dialect::OneInch2 => {
            let terms = FillTerms::from_extra_data(dialect, tail);
            Some(terms.map_err(|error| usage(&error))?.0)
        }
        _ => None,
    };
    let parts = has_parts(dialect, &read.order).then(|| parts_of(extra.hashlock));
    if parts.is_some() {
        check_secrets(extra.hashlock, &read.secret_hashes)
            .map_err(|error| Failure::Usage(format!("`secretHashes` of the file: {error}")))?;
    }
    Ok(Understood {
        chain: spec.chain_id,
        factory: factory.address,
        contract: factory.limit_order_protocol,
        order: read.order,
        dialect,
        extra,
        fill_terms,
        parts,
        hash,
    })
}
