//! Contract events as JSON: fields by their Solidity names, and the unit of each number.

use alloy::primitives::U256;
use bmn_contracts::ContractEvent;
use bmn_primitives::{AddressWord, Complement, Immutables, Stage, Timelocks};
use serde_json::{Map, Value, json};

/// An event in the form `bmn_getEvents` and `bmn decode` show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedEvent {
    /// Solidity name.
    pub event: &'static str,
    /// Fields by their Solidity names; amounts as decimal strings, everything else `0x` hex.
    pub fields: Map<String, Value>,
    /// Unit of each number, by the path of its field.
    pub units: Map<String, Value>,
}

const STAGES: [(&str, Stage); 7] = [
    ("srcWithdrawal", Stage::SrcWithdrawal),
    ("srcPublicWithdrawal", Stage::SrcPublicWithdrawal),
    ("srcCancellation", Stage::SrcCancellation),
    ("srcPublicCancellation", Stage::SrcPublicCancellation),
    ("dstWithdrawal", Stage::DstWithdrawal),
    ("dstPublicWithdrawal", Stage::DstPublicWithdrawal),
    ("dstCancellation", Stage::DstCancellation),
];

/// Describes an event.
pub fn describe_event(event: &ContractEvent) -> DescribedEvent {
    let (fields, units) = match event {
        ContractEvent::SourceCreated { immutables, complement } => {
            source_created(immutables, complement)
        }
        ContractEvent::SourceCreatedAt { escrow, immutables, complement } => {
            let (mut fields, units) = source_created(immutables, complement);
            fields["escrow"] = json!(escrow);
            (fields, units)
        }
        ContractEvent::SourceNamed { escrow, order_hash, maker, taker, amount } => (
            json!({
                "escrow": escrow, "orderHash": order_hash, "maker": maker, "taker": taker,
                "amount": decimal(*amount),
            }),
            json!({ "amount": "smallest unit of the source token" }),
        ),
        ContractEvent::DestinationCreated { escrow, hashlock, taker } => {
            let taker = word(*taker);
            (json!({ "escrow": escrow, "hashlock": hashlock, "taker": taker }), json!({}))
        }
        ContractEvent::PostInteraction { escrow, hashlock, protocol, taker, amount } => (
            json!({
                "escrow": escrow, "hashlock": hashlock, "protocol": protocol, "taker": taker,
                "amount": decimal(*amount),
            }),
            json!({ "amount": "smallest unit of the source token" }),
        ),
        ContractEvent::Withdrawn { secret } => (json!({ "secret": secret }), json!({})),
        ContractEvent::Cancelled => (json!({}), json!({})),
        ContractEvent::Rescued { token, amount } => (
            json!({ "token": token, "amount": decimal(*amount) }),
            json!({ "amount": "smallest unit of `token` (wei when it is zero)" }),
        ),
        ContractEvent::OrderFilled { order_hash, remaining } => (
            json!({ "orderHash": order_hash, "remainingAmount": decimal(*remaining) }),
            json!({ "remainingAmount": "smallest unit of the maker asset" }),
        ),
        ContractEvent::OrderCancelled { order_hash } => {
            (json!({ "orderHash": order_hash }), json!({}))
        }
        ContractEvent::BitInvalidatorUpdated { maker, slot, bits } => (
            json!({
                "maker": maker, "slotIndex": decimal(*slot), "slotValue": format!("{bits:#066x}"),
            }),
            json!({ "slotIndex": "nonces divided by 256", "slotValue": "one bit a nonce" }),
        ),
    };
    DescribedEvent { event: event.name(), fields: object(fields), units: object(units) }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn decimal(value: U256) -> String {
    value.to_string()
}

// A clean word is shown as the address it is, a dirty one as the word it is.
fn word(word: AddressWord) -> String {
    match word.clean() {
        Ok(address) => format!("{address:#x}"),
        Err(_) => format!("{:#066x}", word.0),
    }
}

fn source_created(immutables: &Immutables, complement: &Complement) -> (Value, Value) {
    let stage_unit = "unix seconds";
    let fields = json!({
        "srcImmutables": {
            "orderHash": immutables.order_hash,
            "hashlock": immutables.hashlock,
            "maker": word(immutables.maker),
            "taker": word(immutables.taker),
            "token": word(immutables.token),
            "amount": decimal(immutables.amount),
            "safetyDeposit": decimal(immutables.safety_deposit),
            "timelocks": format!("{:#066x}", immutables.timelocks.0),
            "stages": stages(immutables.timelocks),
            "parameters": immutables.parameters,
        },
        "dstImmutablesComplement": {
            "maker": word(complement.maker),
            "amount": decimal(complement.amount),
            "token": word(complement.token),
            "safetyDeposit": decimal(complement.safety_deposit),
            "chainId": decimal(complement.chain_id),
            "parameters": complement.parameters,
        },
    });
    let units = json!({
        "srcImmutables.amount": "smallest unit of srcImmutables.token",
        "srcImmutables.safetyDeposit": "wei",
        "srcImmutables.timelocks": "packed: seven offsets in seconds, deployedAt in unix seconds",
        "srcImmutables.stages": stage_unit,
        "dstImmutablesComplement.amount":
            "smallest unit of dstImmutablesComplement.token (wei when it is zero)",
        "dstImmutablesComplement.safetyDeposit": "wei",
    });
    (fields, units)
}

fn stages(locks: Timelocks) -> Value {
    let mut times: Map<String, Value> =
        STAGES.into_iter().map(|(name, stage)| (name.to_owned(), locks.at(stage).into())).collect();
    times.insert("deployedAt".to_owned(), locks.deployed_at().into());
    Value::Object(times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{Address, B256};
    use bmn_primitives::{Hashlock, OrderHash};

    fn source() -> ContractEvent {
        ContractEvent::SourceCreated {
            immutables: Immutables {
                order_hash: OrderHash(B256::repeat_byte(1)),
                hashlock: Hashlock(B256::repeat_byte(2)),
                maker: Address::repeat_byte(3).into(),
                taker: AddressWord(U256::MAX),
                token: AddressWord::ZERO,
                amount: U256::MAX,
                safety_deposit: U256::ZERO,
                timelocks: Timelocks::pack(1_000, [0, 60, 600, 660, 30, 90, 500]),
                parameters: Default::default(),
            },
            complement: Complement {
                maker: Address::repeat_byte(3).into(),
                amount: U256::from(7),
                token: AddressWord::ZERO,
                safety_deposit: U256::from(8),
                chain_id: U256::from(10),
                parameters: vec![1, 2].into(),
            },
        }
    }

    #[test]
    fn amounts_keep_every_digit_and_dirty_words_every_bit() {
        let fields = Value::Object(describe_event(&source()).fields);
        assert_eq!(fields["srcImmutables"]["amount"], U256::MAX.to_string());
        assert_eq!(fields["srcImmutables"]["taker"], format!("0x{}", "ff".repeat(32)));
        assert_eq!(fields["srcImmutables"]["maker"], format!("0x{}", "03".repeat(20)));
        assert_eq!(fields["srcImmutables"]["stages"]["dstCancellation"], 1_500);
        assert_eq!(fields["dstImmutablesComplement"]["parameters"], "0x0102");
    }

    #[test]
    fn every_unit_belongs_to_a_field_that_exists() {
        for event in [
            source(),
            ContractEvent::Rescued { token: Address::ZERO, amount: U256::ONE },
            ContractEvent::OrderFilled { order_hash: OrderHash::default(), remaining: U256::ONE },
        ] {
            let described = describe_event(&event);
            let fields = Value::Object(described.fields);
            for path in described.units.keys() {
                let pointer = format!("/{}", path.replace('.', "/"));
                assert!(fields.pointer(&pointer).is_some(), "{path}");
            }
        }
    }
}
