//! An order file, read and understood.

use crate::{chains::Chains, failure::Failure, files};
use alloy::primitives::Address;
use bmn_contracts::{ExtraData, LimitOrder, MakerTraits, order_domain};
use bmn_primitives::{AddressWord, ChainId, Dialect, OrderHash};
use bmn_rpc_api::OrderFile;
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
    let [salt, maker, receiver, maker_asset, taker_asset, making, taking, traits] = read.words;
    let order = LimitOrder {
        salt,
        maker: AddressWord(maker),
        receiver: AddressWord(receiver),
        maker_asset: AddressWord(maker_asset),
        taker_asset: AddressWord(taker_asset),
        making_amount: making,
        taking_amount: taking,
        maker_traits: MakerTraits(traits),
    };
    let spec = chains.named(&read.chain_id.to_string())?;
    let extension = order.check_extension(&read.extension).map_err(|error| usage(&error))?;
    let (factory, extra) = extension.post_interaction().map_err(|error| usage(&error))?;
    let factory = crate::chains::factory(spec, Some(factory))?;
    let extra = ExtraData::decode(factory.dialect, extra).map_err(|error| usage(&error))?;
    let domain = order_domain(factory.dialect, spec.chain_id, factory.limit_order_protocol);
    let hash = order.hash(&domain);
    claim("orderHash", read.order_hash.map(|hash| hash.to_string()), &hash.to_string())?;
    let hashlock = read.hashlock.map(|hashlock| hashlock.to_string());
    claim("hashlock", hashlock, &extra.hashlock.to_string())?;
    let destination = read.dst_chain_id.map(|chain| chain.to_string());
    claim("dstChainId", destination, &extra.dst_chain_id.to_string())?;
    Ok(Understood {
        order,
        chain: spec.chain_id,
        factory: factory.address,
        contract: factory.limit_order_protocol,
        dialect: factory.dialect,
        extra,
        hash,
    })
}

fn claim(field: &str, claimed: Option<String>, derived: &str) -> Result<(), Failure> {
    match claimed.filter(|claimed| claimed != derived) {
        None => Ok(()),
        Some(claimed) => Err(Failure::Usage(format!(
            "`{field}` of the file is {claimed}, the order itself says {derived}"
        ))),
    }
}
