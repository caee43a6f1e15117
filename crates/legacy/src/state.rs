//! `resolver-state.json` and `alice-state.json` of the first service.

use crate::{
    LegacyError, LegacyStatus, MOST_SWAPS,
    doc::Doc,
    swap::{Escrow, Told},
};
use bmn_primitives::{Hashlock, OrderHash, Secret};
use serde_json::Value;
use std::collections::BTreeMap;

pub(crate) fn read(doc: Doc<'_>) -> Result<Vec<(Hashlock, Told)>, LegacyError> {
    let orders = entries(doc, "orders")?;
    let mut secrets = BTreeMap::new();
    for (at, (id, value)) in entries(doc, "secrets")?.into_iter().enumerate() {
        let secret: Option<Secret> = value.as_str().and_then(|text| text.parse().ok());
        let field = format!("secrets[{at}]");
        let secret = secret.ok_or_else(|| doc.wrong(&field, "[id, 0x and 64 hex digits]"))?;
        secrets.insert(id, secret);
    }
    let mut all = Vec::with_capacity(orders.len());
    for (at, (id, value)) in orders.into_iter().enumerate() {
        let path = format!("orders[{at}]");
        let fields = value.as_object().ok_or_else(|| doc.wrong(&path, "[id, an object]"))?;
        let (lock, mut told) = order(Doc::new(doc.file, &path, fields))?;
        if let Some(secret) = secrets.remove(id) {
            let same = told.secret.as_ref().is_none_or(|it| it.expose() == secret.expose());
            if !same {
                told.problems.push(("secret", "the file has two for one order".to_owned()));
            }
            if secret.opens(lock) {
                told.secret = Some(secret);
            } else if told.secret.is_none() {
                told.problems.push(("secret", "it does not open the hashlock".to_owned()));
            }
        }
        all.push((lock, told));
    }
    // A secret without an order opens some hashlock, which is all there is to know of it.
    all.extend(
        secrets
            .into_values()
            .map(|secret| (secret.hashlock(), Told { secret: Some(secret), ..Told::default() })),
    );
    Ok(all)
}

/// `[[id, value], …]`.
fn entries<'a>(doc: Doc<'a>, field: &str) -> Result<Vec<(&'a str, &'a Value)>, LegacyError> {
    let Some(value) = doc.value(field) else { return Ok(Vec::new()) };
    let list = value.as_array().ok_or_else(|| doc.wrong(field, "a list of [id, value]"))?;
    if list.len() > MOST_SWAPS {
        return Err(LegacyError::TooMany { file: doc.file.to_owned(), most: MOST_SWAPS });
    }
    let entry = |(at, entry): (usize, &'a Value)| {
        let pair = entry.as_array().map(Vec::as_slice);
        let Some([Value::String(id), value]) = pair else {
            return Err(doc.wrong(&format!("{field}[{at}]"), "[id, value]"));
        };
        Ok((id.as_str(), value))
    };
    list.iter().enumerate().map(entry).collect()
}

fn order(doc: Doc<'_>) -> Result<(Hashlock, Told), LegacyError> {
    let inner = |field: &'static str| {
        let found = doc.object(field)?;
        found.ok_or_else(|| doc.wrong(field, "an object"))
    };
    let (params, immutables) = (inner("params")?, inner("immutables")?);
    let status = doc.text("status").and_then(LegacyStatus::read);
    let status = status.ok_or_else(|| {
        doc.wrong("status", "CREATED, SRC_ESCROW_DEPLOYED, DST_ESCROW_DEPLOYED, SECRET_REVEALED, COMPLETED, CANCELLED or FAILED")
    })?;
    let terms = || -> Result<Option<Escrow>, LegacyError> {
        let (Some(token), Some(amount)) =
            (params.address("dstToken")?, params.amount("dstAmount")?)
        else {
            return Ok(None);
        };
        let safety_deposit = params.amount("safetyDeposit")?.unwrap_or_default();
        Ok(Some(Escrow { token, amount, safety_deposit }))
    };
    let secret = match doc.secret("secret")? {
        Some(secret) => Some(secret),
        None => params.secret("secret")?,
    };
    // What it computed itself may differ from what was created.
    let destination = match doc.address("actualDstEscrowAddress")? {
        Some(actual) => Some(actual),
        None => doc.address("dstEscrowAddress")?,
    };
    let told = Told {
        order_hash: immutables.hash("orderHash")?.map(OrderHash),
        source_chain: params.number("srcChainId")?,
        destination_chain: params.number("dstChainId")?,
        maker: immutables.address("maker")?,
        source_escrow: doc.address("srcEscrowAddress")?,
        destination_escrow: destination,
        destination_terms: terms()?,
        status: Some(status),
        created_ms: doc.number("createdAt")?,
        secret,
        ..Told::default()
    };
    Ok((immutables.hashlock()?, told))
}
