//! Which of the formats a file has. Its fields tell, since names differ between variants.

use crate::{
    LegacyError, LegacyStatus, MOST_BYTES,
    doc::Doc,
    order, state,
    swap::{Escrow, Told},
};
use alloy::primitives::B256;
use bmn_contracts::OrderDomain;
use bmn_primitives::{Hashlock, OrderHash};
use serde_json::Value;
use std::fmt;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A signed order.
    Order,
    /// The transaction of a fill.
    Calldata,
    /// A fill.
    Fill,
    /// A destination escrow.
    Destination,
    /// A withdrawal, of either side.
    Withdrawal,
    /// A secret.
    Secret,
    /// Where a swap stood.
    Status,
    /// The state of the first service.
    State,
}

impl Kind {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Calldata => "calldata",
            Self::Fill => "fill",
            Self::Destination => "destination",
            Self::Withdrawal => "withdrawal",
            Self::Secret => "secret",
            Self::Status => "status",
            Self::State => "state",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const SQLITE: &[u8] = b"SQLite format 3\0";

type Read = (Kind, Vec<(Hashlock, Told)>);

pub(crate) fn read(file: &str, bytes: &[u8], domains: &[OrderDomain]) -> Result<Read, LegacyError> {
    if bytes.starts_with(SQLITE) {
        return Err(LegacyError::DenoKv { file: file.to_owned() });
    }
    if bytes.len() > MOST_BYTES {
        let (file, bytes) = (file.to_owned(), bytes.len());
        return Err(LegacyError::TooLarge { file, bytes, most: MOST_BYTES });
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|error| LegacyError::Json {
        file: file.to_owned(),
        line: error.line(),
        column: error.column(),
    })?;
    let unknown = || LegacyError::Unknown { file: file.to_owned() };
    let doc = Doc::new(file, "", value.as_object().ok_or_else(unknown)?);
    let one = |kind, read: (Hashlock, Told)| Ok((kind, vec![read]));
    if doc.value("orders").is_some_and(Value::is_array) {
        return Ok((Kind::State, state::read(doc)?));
    }
    if doc.has("order") && doc.has("extensionData") {
        return one(Kind::Order, order::read(doc, domains)?);
    }
    if doc.has("function") && doc.has("data") {
        return one(Kind::Calldata, calldata(doc)?);
    }
    if doc.has("withdrawTxHash") {
        return one(Kind::Withdrawal, withdrawal(doc)?);
    }
    if doc.has("createTxHash") {
        return one(Kind::Destination, destination(doc)?);
    }
    if doc.has("secret") {
        return one(Kind::Secret, secret(doc)?);
    }
    if doc.has("state") {
        return one(Kind::Status, status(doc)?);
    }
    if doc.has("fillTxHash") || doc.has("txHash") {
        return one(Kind::Fill, fill(doc)?);
    }
    Err(unknown())
}

/// The hashlock that the name of a file carries: `0x…64….json`, with more endings or without.
pub fn hashlock_in_name(name: &str) -> Option<Hashlock> {
    let base = name.rsplit(['/', '\\']).next()?;
    base.split('.').next()?.parse::<B256>().ok().filter(|_| base.starts_with("0x")).map(Hashlock)
}

fn calldata(doc: Doc<'_>) -> Result<(Hashlock, Told), LegacyError> {
    let lock = hashlock_in_name(doc.file)
        .ok_or_else(|| doc.wrong("(name)", "a file named by its hashlock: 0x….json"))?;
    let data = doc.bytes("data")?.unwrap_or_default();
    let mut told = Told { source_chain: doc.number("chainId")?, ..Told::default() };
    if !data.windows(32).any(|word| word == lock.0.as_slice()) {
        told.problems.push(("data", "the call does not hold the hashlock of its name".to_owned()));
    }
    Ok((lock, told))
}

fn fill(doc: Doc<'_>) -> Result<(Hashlock, Told), LegacyError> {
    let tx = match doc.hash("fillTxHash")? {
        Some(tx) => Some(tx),
        None => doc.hash("txHash")?,
    };
    let after = doc.object("postInteraction")?;
    let failed = doc.value("ok").is_some_and(|ok| *ok == Value::Bool(false));
    let told = Told {
        order_hash: doc.hash("orderHash")?.map(OrderHash),
        source_chain: doc.number("srcChainId")?,
        fill_tx: tx,
        source_escrow: after.map_or(Ok(None), |after| after.address("srcEscrow"))?,
        status: (!failed).then_some(LegacyStatus::SourceFunded),
        ..Told::default()
    };
    Ok((doc.hashlock()?, told))
}

fn destination(doc: Doc<'_>) -> Result<(Hashlock, Told), LegacyError> {
    let lock = doc.hashlock()?;
    let mut told = Told {
        destination_chain: doc.number("dstChainId")?,
        destination_escrow: doc.address("escrowAddress")?,
        create_tx: doc.hash("createTxHash")?,
        status: Some(LegacyStatus::DestinationFunded),
        ..Told::default()
    };
    if let Some(terms) = doc.object("immutables")? {
        let wanted = |field: &str| terms.wrong(field, "what the escrow was created with");
        told.order_hash = terms.hash("orderHash")?.map(OrderHash);
        if terms.hash("hashlock")?.is_some_and(|inner| inner != lock.0) {
            told.problems.push(("immutables", "they have another hashlock".to_owned()));
        } else {
            told.maker = terms.address("maker")?;
            told.destination_terms = Some(Escrow {
                token: terms.address("token")?.ok_or_else(|| wanted("token"))?,
                amount: terms.amount("amount")?.ok_or_else(|| wanted("amount"))?,
                safety_deposit: terms.amount("safetyDeposit")?.unwrap_or_default(),
            });
        }
    }
    Ok((lock, told))
}

fn withdrawal(doc: Doc<'_>) -> Result<(Hashlock, Told), LegacyError> {
    let (tx, escrow) = (doc.hash("withdrawTxHash")?, doc.address("escrowAddress")?);
    // A withdrawal shows the secret.
    let told = Told { status: Some(LegacyStatus::SecretRevealed), ..Told::default() };
    let told = match (doc.number("srcChainId")?, doc.number("dstChainId")?) {
        (Some(chain), None) => Told {
            source_chain: Some(chain),
            source_escrow: escrow,
            source_withdraw_tx: tx,
            ..told
        },
        (None, Some(chain)) => Told {
            destination_chain: Some(chain),
            destination_escrow: escrow,
            destination_withdraw_tx: tx,
            ..told
        },
        _ => return Err(doc.wrong("dstChainId", "one of `srcChainId` and `dstChainId`")),
    };
    Ok((doc.hashlock()?, told))
}

fn secret(doc: Doc<'_>) -> Result<(Hashlock, Told), LegacyError> {
    let told = Told {
        order_hash: doc.hash("orderHash")?.map(OrderHash),
        secret: doc.secret("secret")?,
        ..Told::default()
    };
    Ok((doc.hashlock()?, told))
}

fn status(doc: Doc<'_>) -> Result<(Hashlock, Told), LegacyError> {
    let state = doc.text("state").and_then(LegacyStatus::read);
    let state = state.ok_or_else(|| {
        doc.wrong(
            "state",
            "ORDER_CREATED, FILLED, DST_CREATED, DST_WITHDRAWN, SRC_WITHDRAWN, COMPLETED or FAILED",
        )
    })?;
    let told = Told {
        order_hash: doc.hash("orderHash")?.map(OrderHash),
        status: Some(state),
        ..Told::default()
    };
    Ok((doc.hashlock()?, told))
}
