use crate::json::{
    bytes, cases, complement, get, hash, immutables, order_file, section, text, uint,
};
use alloy::primitives::{Address, B256, Bytes, U256, address};
use bmn_contracts::{
    Admission, DestinationFees, ExtraData, FeeTerms, FillFee, FillRefusal, FillTerms, Openings,
    OrderError, Payout, ReadOrder, TakerTraits, WhitelistEntry, calldata, parts_of,
};
use bmn_primitives::{Dialect, ErrorClass, Hashlock};
use serde_json::Value;

const ONE_INCH: [Dialect; 2] = [Dialect::OneInch1, Dialect::OneInch2];
const BOB: Address = address!("3C44CdDdB6a900fa2b585dd299e03d12FA4293BC");
const CAROL: Address = address!("90F79bf6EB2c4f870365E785982E1f101E93b906");
const DAVE: Address = address!("15d34AAf54267DB7D7c367839AAf71A00a2C6A65");
const ERIN: Address = address!("9965507D1a55bcC2695C58ba16FB37d819B0A4dc");

/// The recorded orders of a dialect, whole and in parts.
fn orders(dialect: Dialect) -> [(&'static Value, ReadOrder); 2] {
    ["happy", "partial"].map(|name| {
        let sample = &section("samples")[dialect.name()][name];
        (sample, order_file(&sample["order"]).1)
    })
}

#[test]
fn the_terms_of_recorded_orders_are_read_and_written() {
    for dialect in ONE_INCH {
        for (_, file) in orders(dialect) {
            let extension = file.order.check_extension(&file.extension).unwrap();
            let (_, extra) = extension.post_interaction().unwrap();
            let (terms, words) = FillTerms::from_extra_data(dialect, extra).unwrap();
            let whitelist = vec![WhitelistEntry::new(BOB, 0)];
            assert_eq!(
                terms,
                FillTerms { allowed_time: 0, whitelist, fee: FillFee::none(dialect).unwrap() }
            );
            assert_eq!([terms.encode().unwrap(), words.encode()].concat(), extra);
            assert_eq!(Some(words.hashlock), file.hashlock);
            let multiple = file.order.maker_traits.allow_multiple_fills();
            assert_eq!(multiple, parts_of(words.hashlock) == 4);
        }
    }
}

#[test]
fn recorded_fills_have_the_traits_and_arguments_that_we_build() {
    for dialect in ONE_INCH {
        let [(sample, file), _] = orders(dialect);
        let traits = TakerTraits::one_inch_fill(file.extension.len(), 0, file.order.taking_amount);
        assert_eq!(traits.0, uint(sample, "takerTraits"));
        let escrow: Address = get(sample, "srcEscrow");
        let arguments = calldata::fill_arguments(Some(escrow), &file.extension, &[]);
        assert_eq!(arguments, bytes(sample, "args"));
        let for_contract = calldata::fill_arguments(None, &file.extension, &[]);
        assert_eq!([escrow.as_slice(), &for_contract].concat(), arguments);
    }
    let recorded = cases(section("partialFill1inch"));
    assert_eq!(recorded.len(), 4);
    for case in recorded {
        let interaction = bytes(case, "interaction");
        let factory = Address::from_slice(&interaction[..20]);
        let proof = cases(&case["proof"]).iter().map(|word| word.as_str().unwrap().parse());
        let proof: Vec<B256> = proof.collect::<Result<_, _>>().unwrap();
        let hashlock = Hashlock(hash(case, "hashlock"));
        let built = calldata::secret_proof(factory, &proof, get(case, "idx"), hashlock);
        assert_eq!(built, interaction, "{}", text(case, "label"));
    }
}

#[test]
fn recorded_fees_are_computed_and_paid_out() {
    let sample = &section("samples")["oneinch2"]["fees"];
    let recorded = complement(&sample["complement"]);
    let terms = |resolver_fee, whitelist_discount| FeeTerms {
        integrator: ERIN,
        protocol: DAVE,
        integrator_fee: 1000,
        integrator_share: 50,
        resolver_fee,
        whitelist_discount,
        post_interaction: None,
    };
    for (terms, admission) in [
        (terms(1000, 50), Admission::Whitelisted),
        (terms(500, 100), Admission::Whitelisted),
        (terms(500, 50), Admission::AccessToken),
    ] {
        let fees = terms.of_fill(admission, recorded.amount);
        assert_eq!(fees.parameters(), recorded.parameters);
        assert_eq!(DestinationFees::decode(&recorded.parameters), Ok(fees));
    }
    let destination = immutables(&sample["dstImmutables"]);
    let payout = Payout::of(Dialect::OneInch2, &destination).unwrap();
    let amounts = [payout.maker, payout.fees.integrator_amount, payout.fees.protocol_amount];
    // As the recorded withdrawal split them.
    let split = [1_970_443_349_753_694_583, 9_852_216_748_768_472, 19_704_433_497_536_945_u64];
    assert_eq!(amounts, split.map(U256::from));
    assert_eq!((payout.fees.integrator, payout.fees.protocol), (ERIN, DAVE));
    for dialect in Dialect::ALL.into_iter().filter(|it| *it != Dialect::OneInch2) {
        let payout = Payout::of(dialect, &destination).unwrap();
        assert_eq!(payout, Payout { maker: destination.amount, fees: DestinationFees::default() });
    }
    for case in cases(section("realOneinch2Events")) {
        let complement = complement(&case["decoded"]["dstImmutablesComplement"]);
        let fees = DestinationFees::decode(&complement.parameters).unwrap();
        assert_eq!(fees, DestinationFees::default());
        assert_eq!(fees.parameters(), complement.parameters);
    }
}

#[test]
fn parameters_that_the_escrow_cannot_read_are_errors() {
    let fees = DestinationFees {
        protocol_amount: U256::from(1),
        integrator_amount: U256::from(2),
        protocol: DAVE,
        integrator: ERIN,
    };
    let whole = fees.parameters();
    for length in 0..whole.len() {
        let found = DestinationFees::decode(&whole[..length]);
        assert_eq!(found, Err(OrderError::ParametersTooShort(length)));
    }
    let none_for_integrator = DestinationFees { integrator_amount: U256::ZERO, ..fees };
    let found = DestinationFees::decode(&none_for_integrator.parameters()[..96]).unwrap();
    assert_eq!(found, DestinationFees { integrator: Address::ZERO, ..none_for_integrator });
    let sample = &section("samples")["oneinch2"]["fees"];
    let mut destination = immutables(&sample["dstImmutables"]);
    for (amount, payable) in [(2, false), (3, true)] {
        destination.amount = U256::from(amount);
        destination.parameters = whole.clone();
        let found = Payout::of(Dialect::OneInch2, &destination);
        let refused = OrderError::FeesAboveAmount(destination.amount);
        assert_eq!(
            found.map(|payout| payout.maker),
            if payable { Ok(U256::ZERO) } else { Err(refused) }
        );
    }
}

/// Some terms that use everything a dialect has.
fn full_terms(dialect: Dialect) -> FillTerms {
    let fee = match dialect {
        Dialect::OneInch1 => FillFee::Credit(Some(0x0102_0304)),
        _ => FillFee::Destination(FeeTerms {
            integrator: ERIN,
            protocol: DAVE,
            integrator_fee: 0x0506,
            integrator_share: 100,
            resolver_fee: 0x0708,
            whitelist_discount: 1,
            post_interaction: Some((CAROL, Bytes::from_static(b"more"))),
        }),
    };
    let whitelist = vec![WhitelistEntry::new(BOB, 10), WhitelistEntry::new(CAROL, 20)];
    FillTerms { allowed_time: 1000, whitelist, fee }
}

#[test]
fn terms_that_the_factory_would_not_read_are_errors() {
    for dialect in ONE_INCH {
        let terms = full_terms(dialect);
        let header = terms.encode().unwrap();
        assert_eq!(FillTerms::decode(dialect, &header), Ok(terms.clone()));
        // What the last bytes announce, or the first ones need, is missing.
        for cut in 1..header.len() {
            let short = match dialect {
                Dialect::OneInch1 => header.slice(cut..),
                _ => header.slice(..header.len() - cut),
            };
            let found = FillTerms::decode(dialect, &short);
            // Cuts into the other contract's data leave other data.
            let expected = match (dialect, cut) {
                (Dialect::OneInch2, 1..=4) => {
                    assert!(found.is_ok());
                    continue;
                }
                (Dialect::OneInch2, 24) => {
                    assert!(found.is_ok());
                    continue;
                }
                (Dialect::OneInch2, 5..24) => OrderError::FillTermsSurplus(24 - cut),
                _ => OrderError::FillTermsTooShort(short.len()),
            };
            assert_eq!(found, Err(expected), "{dialect} {cut}");
        }
        let empty = FillTerms::decode(dialect, &[]);
        assert_eq!(empty, Err(OrderError::FillTermsTooShort(0)));
        let words = FillTerms::from_extra_data(dialect, &[0; ExtraData::LEN - 1]);
        assert_eq!(words.unwrap_err(), OrderError::ExtraDataTooShort(ExtraData::LEN - 1));
        let most = if dialect == Dialect::OneInch1 { 31 } else { 255 };
        let listed = |entries| FillTerms {
            whitelist: vec![WhitelistEntry::new(BOB, 0); entries],
            ..terms.clone()
        };
        let longest = listed(usize::from(most));
        assert_eq!(FillTerms::decode(dialect, &longest.encode().unwrap()), Ok(longest));
        let entries = usize::from(most) + 1;
        let too_long = OrderError::WhitelistTooLong { entries, most };
        assert_eq!(too_long.class(), ErrorClass::Permanent);
        assert_eq!(listed(entries).encode(), Err(too_long));
    }
    let plain = |last: u8| FillTerms::decode(Dialect::OneInch1, &[0, 0, 0, 0, last]);
    assert!(plain(0).is_ok());
    assert_eq!(plain(0b010), Err(OrderError::FillTermsFlags(0b010)));
    assert_eq!(plain(0b100), Err(OrderError::FillTermsFlags(0b100)));
    let surplus = FillTerms::decode(Dialect::OneInch1, &[0; 6]);
    assert_eq!(surplus, Err(OrderError::FillTermsSurplus(1)));
    let mut header = full_terms(Dialect::OneInch2).encode().unwrap().to_vec();
    for (at, field) in [(42, "integrator share"), (45, "whitelist discount")] {
        let before = std::mem::replace(&mut header[at], 101);
        let found = FillTerms::decode(Dialect::OneInch2, &header);
        assert_eq!(found, Err(OrderError::AboveHundredPercent { field, value: 101 }));
        header[at] = before;
    }
    for dialect in Dialect::ALL.into_iter().filter(|it| !ONE_INCH.contains(it)) {
        let found = FillTerms::from_extra_data(dialect, &[0; 200]);
        assert_eq!(found.unwrap_err(), OrderError::NoFillTerms(dialect));
    }
}

#[test]
fn a_delay_counts_for_its_own_entry_in_one_dialect_and_for_the_next_in_the_other() {
    let openings = |whitelisted, access_token| Openings { whitelisted, access_token };
    let first = full_terms(Dialect::OneInch1);
    assert_eq!(first.openings(BOB), openings(Some(1010), Some(1000)));
    assert_eq!(first.openings(CAROL), openings(Some(1030), Some(1000)));
    assert_eq!(first.openings(DAVE), openings(None, Some(1000)));
    let second = full_terms(Dialect::OneInch2);
    assert_eq!(second.openings(BOB), openings(Some(1000), None));
    assert_eq!(second.openings(CAROL), openings(Some(1010), None));
    assert_eq!(second.openings(DAVE), openings(None, Some(1030)));

    assert_eq!(first.may_fill(BOB, 1010), Ok(Admission::Whitelisted));
    assert_eq!(first.may_fill(BOB, 1009), Ok(Admission::AccessToken));
    assert_eq!(second.may_fill(BOB, 1000), Ok(Admission::Whitelisted));
    assert_eq!(second.may_fill(DAVE, 1030), Ok(Admission::AccessToken));
    for (terms, resolver, opens_at) in
        [(&first, BOB, 1000), (&second, BOB, 1000), (&second, CAROL, 1010), (&second, DAVE, 1030)]
    {
        let now = opens_at - 1;
        let refusal = FillRefusal::TooEarly { resolver, opens_at, now };
        assert_eq!(refusal.class(), ErrorClass::Transient);
        assert_eq!(terms.may_fill(resolver, now), Err(refusal));
    }
    // Times near the end of what four bytes hold do not wrap.
    let mut late = full_terms(Dialect::OneInch2);
    late.allowed_time = u32::MAX;
    assert_eq!(late.openings(CAROL).whitelisted, Some(u64::from(u32::MAX) + 10));
}

#[test]
fn only_outsiders_of_the_older_dialect_pay_out_of_their_credit() {
    let (first, second) = (full_terms(Dialect::OneInch1), full_terms(Dialect::OneInch2));
    let (making, order) = (U256::from(3), U256::from(7));
    let charge = |terms: &FillTerms, admission| terms.credit_charge(admission, making, order);
    // 0x01020304 units of 10^15, of which three sevenths, rounded down.
    let expected =
        U256::from(0x0102_0304_u64) * U256::from(10).pow(U256::from(15)) * making / order;
    assert_eq!(charge(&first, Admission::AccessToken), Some(expected));
    assert_eq!(charge(&first, Admission::Whitelisted), Some(U256::ZERO));
    assert_eq!(charge(&second, Admission::AccessToken), Some(U256::ZERO));
    assert_eq!(first.credit_charge(Admission::AccessToken, U256::MAX, order), None);
    assert_eq!(first.credit_charge(Admission::AccessToken, making, U256::ZERO), None);
}
