//! A file of evidence: a value, the digest over it, and whose signature it bears.

use crate::failure::Failure;
use alloy::{
    primitives::{Address, B256, Signature, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use serde_json::{Map, Value, json};

/// Name and version of the format.
pub(super) const FORMAT: &str = "bmn-evidence-1";

/// The field of a part that says why the node could not give it.
pub(super) const MISSING: &str = "missing";

const DIGEST: &str = "digest";
const SIGNATURE: &str = "signature";

/// Everything that is known of a swap.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Evidence {
    value: Value,
    /// keccak256 of the value in its one written form: keys sorted, no spaces, UTF-8.
    pub(super) digest: B256,
    signed: Option<(Address, Signature)>,
}

impl Evidence {
    /// Evidence that nobody has signed yet.
    pub(super) fn over(value: Value) -> Self {
        let digest = digest(&value);
        Self { value, digest, signed: None }
    }

    /// The same, signed over its digest (EIP-191).
    pub(super) fn signed(mut self, signer: &PrivateKeySigner) -> Result<Self, Failure> {
        let signature = signer.sign_message_sync(self.digest.as_slice());
        let signature = signature.map_err(|error| Failure::Run(eyre::Report::new(error)))?;
        self.signed = Some((signer.address(), signature));
        Ok(self)
    }

    /// Who signed it.
    pub(super) fn signer(&self) -> Option<Address> {
        self.signed.as_ref().map(|(signer, _)| *signer)
    }

    /// Parts that the node could not give, and why.
    pub(super) fn missing(&self) -> Vec<String> {
        let parts = self.value.as_object().into_iter().flatten();
        parts
            .filter_map(|(name, part)| Some(format!("{name}: {}", part[MISSING].as_str()?)))
            .collect()
    }

    /// The file.
    pub(super) fn to_json(&self) -> Value {
        let mut value = self.value.clone();
        value[DIGEST] = json!(self.digest);
        if let Some((account, signature)) = &self.signed {
            let bytes = alloy::primitives::hex::encode_prefixed(signature.as_bytes());
            value[SIGNATURE] = json!({ "account": account, "bytes": bytes });
        }
        value
    }
}

/// Reads a file and checks that its digest and signature are true; the reason when not.
pub(super) fn read(text: &str) -> Result<Evidence, String> {
    let mut value: Value = serde_json::from_str(text).map_err(|_| "it is no JSON".to_owned())?;
    let Some(fields) = value.as_object_mut() else { return Err("it is no JSON object".to_owned()) };
    if fields.get("format").and_then(Value::as_str) != Some(FORMAT) {
        return Err(format!("`format` is not \"{FORMAT}\": `bmn swap export` did not write it"));
    }
    let stated =
        fields.remove(DIGEST).as_ref().and_then(Value::as_str).and_then(|it| it.parse().ok());
    let stated: B256 =
        stated.ok_or_else(|| format!("`{DIGEST}`: expected 0x and 64 hex digits"))?;
    let signature = fields.remove(SIGNATURE);
    let evidence = Evidence::over(value);
    if evidence.digest != stated {
        let found = evidence.digest;
        return Err(format!(
            "something in it was changed: its digest is {found}, and it says {stated}"
        ));
    }
    let signed = signature.map(|signature| signed(&signature, evidence.digest)).transpose()?;
    Ok(Evidence { signed, ..evidence })
}

fn signed(value: &Value, digest: B256) -> Result<(Address, Signature), String> {
    let account = value["account"].as_str().and_then(|text| text.parse::<Address>().ok());
    let bytes = value["bytes"].as_str().and_then(|text| text.parse::<Signature>().ok());
    let (Some(account), Some(signature)) = (account, bytes) else {
        return Err(format!("`{SIGNATURE}`: expected `account` and `bytes` (65)"));
    };
    let found = signature.recover_address_from_msg(digest.as_slice());
    match found {
        Ok(found) if found == account => Ok((account, signature)),
        _ => Err(format!("`{SIGNATURE}` is not that of {account}")),
    }
}

fn digest(value: &Value) -> B256 {
    let mut text = String::new();
    write(value, &mut text);
    keccak256(text)
}

// Whatever order a map keeps its keys in, and whoever wrote the file.
fn write(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => list(items.iter(), '[', ']', text, write),
        Value::Object(fields) => {
            list(sorted(fields).into_iter(), '{', '}', text, |(name, value), text| {
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write(value, text);
            });
        }
        plain => text.push_str(&plain.to_string()),
    }
}

fn sorted(fields: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_by_key(|(name, _)| *name);
    fields
}

fn list<T>(
    items: impl Iterator<Item = T>,
    open: char,
    close: char,
    text: &mut String,
    mut one: impl FnMut(T, &mut String),
) {
    text.push(open);
    for (place, item) in items.enumerate() {
        if place > 0 {
            text.push(',');
        }
        one(item, text);
    }
    text.push(close);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence() -> Evidence {
        Evidence::over(json!({
            "format": FORMAT, "swap": { "b": 1, "a": ["x", null] }, "proof": { MISSING: "pruned" },
        }))
    }

    #[test]
    fn a_file_is_read_as_it_was_written_whatever_the_order_of_its_fields() {
        let signer = PrivateKeySigner::random();
        let written = evidence().signed(&signer).unwrap();
        let text = serde_json::to_string_pretty(&written.to_json()).unwrap();
        let found = read(&text).unwrap();
        assert_eq!((found.digest, found.signer()), (written.digest, Some(signer.address())));
        assert_eq!(found.missing(), ["proof: pruned"]);
        let turned = json!({ "proof": { MISSING: "pruned" }, "swap": { "a": ["x", null], "b": 1 }, "format": FORMAT });
        assert_eq!(Evidence::over(turned).digest, written.digest);
    }

    #[test]
    fn whatever_is_changed_is_found() {
        let signer = PrivateKeySigner::random();
        let good = evidence().signed(&signer).unwrap().to_json();
        let mut changed = Vec::new();
        let mut other = good.clone();
        other["swap"]["b"] = json!(2);
        changed.push((other, "something in it was changed"));
        let mut other = good.clone();
        other[SIGNATURE]["account"] = json!(Address::ZERO);
        changed.push((other, "is not that of"));
        let mut other = good.clone();
        other["more"] = json!(1);
        changed.push((other, "something in it was changed"));
        let mut other = good.clone();
        other["format"] = json!("bmn-evidence-2");
        changed.push((other, "`format`"));
        let mut other = good;
        other[DIGEST] = json!("0x12");
        changed.push((other, "64 hex digits"));
        for (value, says) in changed {
            let error = read(&value.to_string()).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        assert!(read("[]").unwrap_err().contains("no JSON object"));
    }
}
