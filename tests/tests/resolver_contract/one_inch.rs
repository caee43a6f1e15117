//! Fills of 1inch orders: deposit, fill and target in one transaction.

use crate::bed::{Actor, Bed, DEPOSIT, ONE, ONE_INCH, Sale, Tx, revert, reverts_with, wei, word};
use alloy::primitives::{Address, Bytes, U256};
use alloy::sol_types::SolCall;
use bmn_contracts::{
    ContractEvent, InnerCall, MakerTraits, OrderSignature, ResolverFill, Revert, TakerTraits,
    artifacts, bindings::IResolver, calldata,
};
use bmn_primitives::{Immutables, Stage};

const TOKENS: i128 = ONE as i128;
const COINS: i128 = DEPOSIT as i128;

/// The fill of a sale, with immutables of another time than the block's.
fn fill(bed: &Bed, sale: &Sale) -> ResolverFill {
    ResolverFill {
        immutables: bed.source(sale, 12_345),
        factory: bed.net.factory,
        limit_order_protocol: bed.net.lop,
        order: sale.order.clone(),
        signature: sale.signature.clone(),
        amount: sale.order.making_amount,
        taker_traits: TakerTraits::bmn_fill(sale.extension.len(), sale.order.taking_amount),
        args: sale.extension.clone(),
    }
}

fn send<'a>(bed: &'a Bed, fill: &ResolverFill) -> Tx<'a> {
    let data = calldata::resolver_fill(bed.dialect, fill);
    bed.net.tx(Actor::Bob, bed.resolver, data).paying(wei(DEPOSIT))
}

/// Mines a fill; the source escrow must be where and what the block's time says.
fn filled(bed: &Bed, sale: &Sale) -> (Immutables, Address) {
    let tx = send(bed, &fill(bed, sale)).paying(wei(DEPOSIT + 9));
    let gain = bed.gained_by(tx.at(bed.net.now() + 17));
    assert_eq!((gain.tokens, gain.wei), (0, -COINS));
    let source = bed.source(sale, bed.net.now());
    let escrow = bed.source_escrow(&source);
    assert!(bed.events(&gain.mined).iter().any(|event| matches!(event,
        ContractEvent::SourceCreated { immutables, .. } if *immutables == source)));
    assert_eq!((bed.tokens(escrow), bed.net.wei(escrow)), (wei(ONE), wei(DEPOSIT)));
    (source, escrow)
}

#[test]
fn a_source_gets_its_deposit_and_the_makers_tokens_in_one_transaction() {
    for dialect in ONE_INCH {
        let bed = Bed::new(dialect);
        filled(&bed, &bed.sale());
    }
}

#[test]
fn a_maker_that_is_a_contract_sells_as_well() {
    for dialect in ONE_INCH {
        let bed = Bed::new(dialect);
        let (net, alice) = (&bed.net, Actor::Alice.address());
        let code = artifacts::erc1271_wallet(alice);
        let wallet = net.create(Actor::Alice, code).mined().contract.unwrap();
        net.tx(Actor::Alice, bed.token, calldata::transfer(wallet, wei(ONE))).mined();
        alloy::sol! {
            function approve(address token, address spender, uint256 amount);
        }
        let approve = approveCall { token: bed.token, spender: net.lop, amount: U256::MAX };
        net.tx(Actor::Alice, wallet, approve.abi_encode()).mined();
        let mut sale = bed.sale_of(wallet, |_| ());
        let OrderSignature::Compact { r, vs } = sale.signature else { panic!("Alice's key") };
        let (parity, mut s) = (vs[0] >> 7, vs);
        s[0] &= 0x7f;
        sale.signature = OrderSignature::Contract([&r[..], &s[..], &[27 + parity]].concat().into());
        filled(&bed, &sale);
    }
}

#[test]
fn the_whole_swap_leaves_the_owner_with_what_he_bought_and_every_deposit() {
    for dialect in ONE_INCH {
        let bed = Bed::new(dialect);
        let sale = bed.sale();
        let (source, source_escrow) = filled(&bed, &sale);

        let destination = bed.destination(&sale, bed.net.now() + 1);
        let [pull, allow] = bed.pull(destination.amount);
        let cancellation = source.timelocks.at(Stage::SrcCancellation);
        let create = calldata::create_dst_escrow(dialect, &destination, Some(cancellation));
        let create = InnerCall::new(bed.net.factory, create).paying(destination.safety_deposit);
        let gain = bed.gained_by(bed.run(&[pull, allow, create], &bed.sweep()));
        assert_eq!((gain.tokens, gain.wei), (-2 * TOKENS, -COINS));
        let escrow = bed.destination_escrow(&destination);

        let withdraw = |escrow, immutables| {
            let data = calldata::withdraw(dialect, &sale.secret, immutables);
            bed.run(&[InnerCall::new(escrow, data)], &bed.sweep())
        };
        let alice = bed.tokens(Actor::Alice.address());
        let opens = destination.timelocks.at(Stage::DstWithdrawal);
        let gain = bed.gained_by(withdraw(escrow, &destination).at(opens));
        assert_eq!((gain.tokens, gain.wei), (0, COINS));
        assert_eq!(bed.tokens(Actor::Alice.address()) - alice, wei(2 * ONE));
        let gain = bed.gained_by(withdraw(source_escrow, &source));
        assert_eq!((gain.tokens, gain.wei), (TOKENS, COINS));
    }
}

#[test]
fn a_cancelled_source_gives_the_maker_the_tokens_and_the_owner_the_deposit() {
    for dialect in ONE_INCH {
        let bed = Bed::new(dialect);
        let (source, escrow) = filled(&bed, &bed.sale());
        let alice = bed.tokens(Actor::Alice.address());
        let cancel = InnerCall::new(escrow, calldata::cancel(dialect, &source));
        let ends = source.timelocks.at(Stage::SrcCancellation);
        let gain = bed.gained_by(bed.run(&[cancel], &bed.sweep()).at(ends));
        assert_eq!((gain.tokens, gain.wei), (0, COINS));
        assert_eq!(bed.tokens(Actor::Alice.address()) - alice, wei(ONE));
    }
}

#[test]
fn a_fill_that_would_lose_the_deposit_is_taken_back() {
    for dialect in ONE_INCH {
        let bed = Bed::new(dialect);
        let sale = bed.sale();
        let good = fill(&bed, &sale);
        send(&bed, &good).passes();
        // Less than the deposit comes along, though a stranger has left enough.
        bed.net.tx(Actor::Carol, bed.resolver, Bytes::new()).paying(wei(DEPOSIT)).mined();
        let short = send(&bed, &good).paying(wei(DEPOSIT - 1));
        reverts_with(&short, "InsufficientDeposit(uint256)", &[wei(DEPOSIT)]);
        // The deposit would lie where no escrow comes to be.
        let mut wrong = good.clone();
        wrong.immutables.amount += U256::from(1);
        let name = |tx: &Tx<'_>| Revert::decode(&revert(tx)).name().to_owned();
        assert_eq!(name(&send(&bed, &wrong)), "InsufficientEscrowBalance");
        // The order makes no escrow at all.
        let mut plain = MakerTraits::cross_chain();
        plain.0.set_bit(251, false);
        let alice = Actor::Alice.address();
        let silent = bed.sale_of(alice, |order| order.maker_traits = plain);
        let silent = fill(&bed, &silent);
        let time = bed.net.now() + 1;
        let timelocks = silent.immutables.timelocks.with_deployed_at(time);
        let empty = bed.source_escrow(&Immutables { timelocks, ..silent.immutables.clone() });
        let silent = send(&bed, &silent).at(time);
        reverts_with(&silent, "EscrowMissing(address)", &[word(empty)]);
    }
}

#[test]
fn refusals_of_the_protocol_and_malformed_fills_are_told_as_they_are() {
    for dialect in ONE_INCH {
        let bed = Bed::new(dialect);
        let good = fill(&bed, &bed.sale());
        let name =
            |fill: &ResolverFill| Revert::decode(&revert(&send(&bed, fill))).name().to_owned();
        let mut forged = good.clone();
        forged.signature = bed.sale().signature;
        assert_eq!(name(&forged), "BadSignature");
        let mut nobody = good.clone();
        nobody.limit_order_protocol = Actor::Erin.address();
        let words = [word(Actor::Erin.address())];
        reverts_with(&send(&bed, &nobody), "NoCode(address)", &words);
        let length = 65;
        let broken = IResolver::Fill { signature: vec![0; length].into(), ..(&good).into() };
        let immutables = &good.immutables;
        let data = if dialect.has_parameters() {
            IResolver::fill9Call { immutables: immutables.into(), fill: broken }.abi_encode()
        } else {
            IResolver::fill8Call { immutables: immutables.into(), fill: broken }.abi_encode()
        };
        let broken = bed.net.tx(Actor::Bob, bed.resolver, data).paying(wei(DEPOSIT));
        let words = [U256::from(length)];
        reverts_with(&broken, "InvalidSignatureLength(uint256)", &words);
    }
}
