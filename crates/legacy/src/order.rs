//! Orders in the three forms that their files have had.

use crate::{LegacyError, LegacyStatus, doc::Doc, swap::Told};
use alloy::primitives::{Address, Bytes, hex};
use bmn_contracts::{
    Extension, ExtraData, LimitOrder, OrderDomain, OrderFile, OrderSignature, OrderWords,
    WireSignature, recover_maker,
};
use bmn_primitives::{ChainId, Dialect, Hashlock, OrderHash};
use serde_json::Value;

/// An order with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyOrder {
    /// Chain it is filled on.
    pub chain: ChainId,
    /// The words that are signed.
    pub order: LimitOrder,
    /// The extension, with its header of offsets.
    pub extension: Bytes,
    /// The maker's signature.
    pub signature: OrderSignature,
    /// Factory that the extension names.
    pub factory: Address,
    /// The limit-order protocol it was signed for, where it is one of those that were offered.
    pub contract: Option<Address>,
}

/// The offsets of an extension that has nothing but 180 bytes for the factory: the last field ends there.
const OFFSETS: [u8; 32] = {
    let mut offsets = [0; 32];
    offsets[3] = 0xb4;
    offsets
};

/// Factory and 160 bytes for it.
const WITHOUT_OFFSETS: usize = 180;

pub(crate) fn read(doc: Doc<'_>, domains: &[OrderDomain]) -> Result<(Hashlock, Told), LegacyError> {
    let words = doc.value("order").cloned().unwrap_or_default();
    let words: OrderWords = serde_json::from_value(words)
        .map_err(|_| doc.wrong("order", "the eight words of an order, as strings"))?;
    let chain_id = doc.number("chainId")?.ok_or_else(|| doc.wrong("chainId", "a chain id"))?;
    let extension = doc.bytes("extensionData")?;
    let extension = extension.ok_or_else(|| doc.wrong("extensionData", "0x and hex digits"))?;
    let extension = with_offsets(extension);
    let file = OrderFile {
        version: OrderFile::VERSION,
        chain_id,
        order: words,
        signature: Some(signature(doc)?),
        extension_data: extension.to_string(),
        order_hash: None,
        hashlock: None,
        src_chain_id: doc.number("srcChainId")?,
        dst_chain_id: doc.number("dstChainId")?,
        created_at: None,
        secret_hashes: Vec::new(),
    };
    let read = file.read().map_err(|error| doc.wrong(&error.field, &error.expected))?;
    let no_signature = || doc.wrong("signature", "the maker's signature");
    let signature = read.signature.ok_or_else(no_signature)?;
    let post = Extension::parse(&extension).and_then(|extension| {
        let (factory, extra) = extension.post_interaction()?;
        // The layout of all factories that the older resolver worked with.
        Ok((factory, ExtraData::decode(Dialect::Bmn4, extra)?))
    });
    let (factory, extra) = post.map_err(|_| {
        doc.wrong("extensionData", "a factory and 160 bytes for it, as the last field")
    })?;
    let order = LegacyOrder {
        chain: read.chain_id,
        order: read.order,
        extension,
        signature,
        factory,
        contract: None,
    };
    let lock = match doc.hash("hashlock")? {
        Some(claimed) => Hashlock(claimed),
        None => extra.hashlock,
    };
    let mut told = checked(doc, order, domains)?;
    told.status = Some(LegacyStatus::Created);
    told.source_chain = Some(chain_id);
    told.destination_chain = u64::try_from(extra.dst_chain_id).ok();
    if read.dst_chain_id.is_some_and(|claimed| Some(claimed) != told.destination_chain) {
        told.problems.push(("dstChainId", "the extension names another chain".to_owned()));
    }
    if lock != extra.hashlock {
        told.problems
            .push(("hashlock", "the extension has another one; the order is left out".to_owned()));
        told.order = None;
        told.order_hash = None;
    }
    Ok((lock, told))
}

/// Looks for the domain that the order was signed in, and computes its hash.
fn checked(
    doc: Doc<'_>,
    mut order: LegacyOrder,
    domains: &[OrderDomain],
) -> Result<Told, LegacyError> {
    let claimed = doc.hash("orderHash")?.map(OrderHash);
    let maker = order.order.maker.clean().ok();
    let signed = |hash: OrderHash| recover_maker(hash, &order.signature).ok() == maker;
    let mut hashes = domains
        .iter()
        .filter(|domain| domain.chain_id == order.chain)
        .map(|domain| (domain.contract, order.order.hash(domain)));
    let found = match claimed {
        Some(claimed) => hashes.find(|(_, hash)| *hash == claimed),
        None => hashes.find(|(_, hash)| signed(*hash)),
    };
    let mut told = Told { maker, ..Told::default() };
    match (found, claimed) {
        (Some((contract, hash)), _) => {
            if !signed(hash) && !matches!(order.signature, OrderSignature::Contract(_)) {
                told.problems.push(("signature", "it is not the maker's".to_owned()));
            }
            told.order_hash = Some(hash);
            order.contract = Some(contract);
        }
        (None, Some(_)) => told.problems.push((
            "orderHash",
            "it is the order's in none of the known limit-order protocols".to_owned(),
        )),
        (None, None) => told.problems.push((
            "signature",
            "it is the maker's in none of the known limit-order protocols".to_owned(),
        )),
    }
    told.created_ms = match doc.number("createdAt")? {
        Some(at) => Some(at),
        None => doc.number("timestamp")?,
    };
    told.order = Some(order);
    Ok(told)
}

fn with_offsets(extension: Bytes) -> Bytes {
    if extension.len() == WITHOUT_OFFSETS && !extension.starts_with(&OFFSETS[..20]) {
        return [&OFFSETS[..], &extension].concat().into();
    }
    extension
}

/// `{r, vs}`, or `r` beside `signatureVs`, or 65 bytes.
fn signature(doc: Doc<'_>) -> Result<WireSignature, LegacyError> {
    const FORMS: &str = "{r, vs}, or r beside `signatureVs`, or 65 bytes r, s, v";
    let compact = |r: &str, vs: &str| WireSignature::Compact { r: r.to_owned(), vs: vs.to_owned() };
    match (doc.value("signature"), doc.text("signatureVs")) {
        (Some(Value::Object(_)), None) => {
            let halves = doc.object("signature")?;
            let halves = halves.and_then(|it| Some(compact(it.text("r")?, it.text("vs")?)));
            halves.ok_or_else(|| doc.wrong("signature", FORMS))
        }
        (Some(Value::String(r)), Some(vs)) => Ok(compact(r, vs)),
        (Some(Value::String(text)), None) => {
            let bytes = hex::decode(text).map_err(|_| doc.wrong("signature", FORMS))?;
            let compact = OrderSignature::compact_from_rsv(&bytes);
            let compact = compact.map_err(|_| doc.wrong("signature", FORMS))?;
            Ok(WireSignature::from(&compact))
        }
        _ => Err(doc.wrong("signature", FORMS)),
    }
}
