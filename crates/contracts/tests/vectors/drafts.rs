//! From what the recorded orders state of themselves, we build the same orders.

use crate::json::{address, cases, hash, order_file, section, uint};
use alloy::primitives::{Address, Bytes, U256, address, hex};
use bmn_contracts::{
    ExtraData, FillFee, FillTerms, OrderDraft, OrderError, OrderFile, ReadOrder, SecretTree,
    WhitelistEntry, order_domain,
};
use bmn_primitives::{Dialect, Hashlock, Secret, Timelocks};
use serde_json::Value;

const FILLED: [Dialect; 4] = [Dialect::Bmn4, Dialect::Bmn302, Dialect::OneInch1, Dialect::OneInch2];
const BOB: Address = address!("3C44CdDdB6a900fa2b585dd299e03d12FA4293BC");
/// The offsets of the recorded 1inch orders.
const OFFSETS: [u32; 7] = [10, 120, 300, 360, 10, 100, 200];

fn hashlock(word: &Value) -> Hashlock {
    let bytes = hex::decode(word.as_str().unwrap()).unwrap();
    Secret::new(bytes.try_into().unwrap()).hashlock()
}

/// The hashlock word of a recorded swap, from its secrets.
fn lock(sample: &Value) -> Hashlock {
    let Some(secrets) = sample.get("secrets") else {
        return hashlock(&sample["order"]["_"]["secret"]);
    };
    let hashes: Vec<_> = cases(secrets).iter().map(hashlock).collect();
    SecretTree::new(&hashes).unwrap().hashlock_word()
}

fn draft(dialect: Dialect, sample: &Value, read: &ReadOrder) -> OrderDraft {
    let stated = &sample["order"]["_"];
    let [source, destination] =
        ["srcDeposit", "dstDeposit"].map(|key| u128::try_from(uint(stated, key)).unwrap());
    let timelocks = if dialect.has_absolute_times() {
        let (times, low) = (uint(stated, "timelocks"), U256::from(u64::MAX));
        ExtraData::pack_bmn_times((times >> 128_usize).to(), (times & low).to())
    } else {
        Timelocks::pack(0, OFFSETS).0
    };
    let order = &read.order;
    OrderDraft {
        dialect,
        factory: Address::from_slice(&read.extension[32..52]),
        maker: order.maker,
        receiver: order.receiver,
        maker_asset: order.maker_asset,
        making_amount: order.making_amount,
        taker_asset: order.taker_asset,
        taking_amount: order.taking_amount,
        extra: ExtraData {
            hashlock: lock(sample),
            dst_chain_id: U256::from(10),
            // The same contract on both of the recorded chains.
            dst_token: order.maker_asset,
            deposits: ExtraData::pack_deposits(dialect, source, destination),
            timelocks,
        },
        fill_terms: FillFee::none(dialect).map(|fee| FillTerms {
            allowed_time: 0,
            whitelist: vec![WhitelistEntry::new(BOB, 0)],
            fee,
        }),
        maker_traits: order.maker_traits,
        entropy: order.salt,
    }
}

#[test]
fn recorded_orders_of_every_dialect_that_is_filled_are_built_word_for_word() {
    let lop = address(&section("orders")["bmn4"][0], "verifyingContract");
    let mut built = [0; FILLED.len()];
    for (count, dialect) in built.iter_mut().zip(FILLED) {
        for sample in section("samples")[dialect.name()].as_object().unwrap().values() {
            let Some(recorded) = sample.get("order").filter(|it| it.get("version").is_some())
            else {
                continue;
            };
            let (file, read) = order_file(recorded);
            let domain = order_domain(dialect, read.chain_id, lop);
            let draft = draft(dialect, sample, &read);
            assert_eq!(draft.extension().unwrap(), read.extension, "{dialect}");
            let made = draft.file(&domain).unwrap();
            let hash = hash(recorded, "orderHash").to_string();
            assert_eq!(made.order_hash.as_deref(), Some(hash.as_str()), "{dialect}");
            let signed = made.signed(read.signature.as_ref().unwrap());
            let created_at = file.created_at;
            assert_eq!(OrderFile { created_at, ..signed }.read(), Ok(read), "{dialect}");
            *count += 1;
        }
    }
    assert_eq!(built, [3, 3, 2, 2]);
}

#[test]
fn a_header_belongs_to_its_dialect() {
    let sample = &section("samples")["oneinch1"]["happy"];
    let (_, read) = order_file(&sample["order"]);
    let good = draft(Dialect::OneInch1, sample, &read);
    for (dialect, without) in [(Dialect::OneInch1, true), (Dialect::OneInch2, false)] {
        let fill_terms = good.fill_terms.clone().filter(|_| !without);
        let bad = OrderDraft { dialect, fill_terms, ..good.clone() };
        assert_eq!(bad.extension(), Err(OrderError::WrongFillTerms(dialect)));
    }
    let bmn = OrderDraft { dialect: Dialect::Bmn4, ..good.clone() };
    assert_eq!(bmn.extension(), Err(OrderError::NoFillTerms(Dialect::Bmn4)));
    let plain = OrderDraft { fill_terms: None, ..bmn };
    assert_eq!(plain.post_interaction_data(), Ok(plain.extra.encode()));
    let FillTerms { allowed_time, whitelist, fee } = good.fill_terms.clone().unwrap();
    let whitelist = whitelist.repeat(32);
    let long = Some(FillTerms { allowed_time, whitelist, fee });
    let long = OrderDraft { fill_terms: long, ..good };
    let too_long = OrderError::WhitelistTooLong { entries: 32, most: 31 };
    assert_eq!(long.extension(), Err::<Bytes, _>(too_long));
}
