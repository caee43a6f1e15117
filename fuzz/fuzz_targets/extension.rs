//! Bytes are an extension, its extra data and an order file: reading them never panics, and what
//! can be read says the same again when it is written.
#![no_main]

use alloy::primitives::{Address, Bytes, U256};
use bmn_contracts::{
    Extension, ExtensionField, ExtraData, LimitOrder, MakerTraits, OrderFile, OrderSignature,
    decode_calldata, order_domain,
};
use bmn_primitives::{AddressWord, ChainId, Dialect};
use libfuzzer_sys::fuzz_target;

fn extension(data: &[u8]) {
    let Ok(read) = Extension::parse(data) else { return };
    let fields: Vec<&[u8]> = ExtensionField::ALL.map(|field| read.field(field)).to_vec();
    let mut whole = fields.concat();
    whole.extend_from_slice(read.custom_data());
    assert_eq!(whole, data.get(32..).unwrap_or_default(), "the fields are the extension");
    let present = fields.iter().filter(|field| !field.is_empty()).count();
    assert_eq!(read.present().count(), present);
    let Ok((target, tail)) = read.post_interaction() else { return };
    if read.is_post_interaction_only() {
        let again = Extension::post_interaction_only(target, tail);
        assert_eq!(&again[..], data, "an extension with one field has one form");
    }
    for dialect in Dialect::ALL {
        extra_data(dialect, tail);
    }
}

fn extra_data(dialect: Dialect, data: &[u8]) {
    let Ok(read) = ExtraData::decode(dialect, data) else {
        assert!(data.len() < ExtraData::LEN);
        return;
    };
    let words = read.encode();
    assert_eq!(ExtraData::decode(dialect, &words).as_ref(), Ok(&read));
    assert!(data.starts_with(&words) || data.ends_with(&words));
    let (source, destination) = (read.src_deposit(dialect), read.dst_deposit(dialect));
    let packed = ExtraData::pack_deposits(dialect, source.to(), destination.to());
    assert_eq!(packed, read.deposits, "two halves are a word");
    let (cancellation, withdrawal) = (read.src_cancellation(), read.dst_withdrawal());
    for now in [0, 1, withdrawal, withdrawal.wrapping_sub(1), cancellation, u64::MAX] {
        let made = read.source_timelocks(dialect, now);
        let is_possible = now <= cancellation && now <= withdrawal;
        assert!(
            !dialect.has_absolute_times() || is_possible || made.is_err(),
            "{dialect} at {now}"
        );
        if let Ok(timelocks) = made {
            assert_eq!(timelocks.deployed_at(), now & u64::from(u32::MAX), "{dialect} at {now}");
        }
    }
}

fn order_file(file: &OrderFile) {
    let Ok(read) = file.read() else { return };
    for dialect in Dialect::ALL {
        let domain = order_domain(dialect, read.chain_id, Address::ZERO);
        let Ok((hash, extra)) = read.verify(&domain, dialect) else { continue };
        let again = OrderFile::unsigned(&read.order, &read.extension, &domain, &extra).read();
        let again = again.expect("what we write can be read");
        assert_eq!((&again.order, &again.extension), (&read.order, &read.extension));
        assert_eq!(again.order_hash, Some(hash));
        assert_eq!(again.verify(&domain, dialect), Ok((hash, extra)));
    }
    let _ = read.order.check_extension(&read.extension);
}

/// An order file whose words and extension are the bytes.
fn order_of(data: &[u8]) -> Option<OrderFile> {
    let (words, rest) = data.split_first_chunk::<{ 10 * 32 }>()?;
    let word = |index: usize| U256::from_be_slice(&words[index * 32..][..32]);
    let order = LimitOrder {
        salt: word(0),
        maker: AddressWord(word(1)),
        receiver: AddressWord(word(2)),
        maker_asset: AddressWord(word(3)),
        taker_asset: AddressWord(word(4)),
        making_amount: word(5),
        taking_amount: word(6),
        maker_traits: MakerTraits(word(7)),
    };
    let signature = OrderSignature::Compact { r: word(8).into(), vs: word(9).into() };
    let extension = Bytes::copy_from_slice(rest);
    let domain = order_domain(Dialect::Bmn4, ChainId(u64::from(words[7])), Address::ZERO);
    let (_, tail) = Extension::parse(rest).ok()?.post_interaction().ok()?;
    let extra = ExtraData::decode(Dialect::Bmn4, tail).ok()?;
    let file = OrderFile::unsigned(&order, &extension, &domain, &extra).signed(&signature);
    assert_eq!(file.read().map(|read| (read.order, read.signature)), Ok((order, Some(signature))));
    Some(file)
}

fuzz_target!(|data: &[u8]| {
    extension(data);
    for dialect in Dialect::ALL {
        extra_data(dialect, data);
    }
    let _ = decode_calldata(data);
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(file) = serde_json::from_str::<OrderFile>(text)
    {
        order_file(&file);
    }
    if let Some(file) = order_of(data) {
        order_file(&file);
    }
});
