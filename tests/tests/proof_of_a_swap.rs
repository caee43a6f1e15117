//! What a counterparty learns from `bmn_getSwapProof` without believing the node that answers.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_contracts::ContractEvent;
use bmn_node::believed_factories;
use bmn_primitives::{ChainId, Dialect};
use bmn_rpc_api::{Amount, BelievedFactory, EscrowSide, ProvenEscrow, SwapProof, SwapProofError};
use bmn_sim::{
    rpc::{ResolverRpc, RpcFailure},
    scenario::{Behaviour, SwapSpec},
};
use bmn_store::testing::CrashBackend;
use bmn_swap::Status;
use bmn_tests::{World, memory_store, swap};
use serde_json::{Value, json};

const NOT_FOUND: i32 = -32001;

fn factories(world: &World) -> Vec<BelievedFactory> {
    world.network.chains.iter().flat_map(|node| believed_factories(&node.spec)).collect()
}

async fn ask(world: &World, id: &str) -> SwapProof {
    let answer = world.rpc().request("bmn_getSwapProof", json!([id])).await.unwrap();
    serde_json::from_value(answer).unwrap()
}

async fn completed(dialect: Dialect) -> World {
    // Filling through our contract costs more gas than the harness's usual margin pays for.
    let spec = SwapSpec { dialect, margin_bps: 400, ..swap(0, Behaviour::Honest) };
    let mut world = World::new(vec![spec]).await;
    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Completed));
    world
}

/// Each block named by a proof is the chain's own.
fn are_canonical(world: &World, escrows: &[ProvenEscrow]) {
    for escrow in escrows {
        let chain = ChainId(escrow.factory.chain);
        let node = world.network.chains.iter().find(|node| node.id() == chain).unwrap();
        for (block, _) in &escrow.events {
            let own = node.chain.block(block.number).unwrap().unwrap();
            assert_eq!(own.block_ref(), *block);
        }
    }
}

fn ends(escrow: &ProvenEscrow) -> &ContractEvent {
    &escrow.end().unwrap().1
}

#[tokio::test]
async fn both_legs_of_every_dialect_are_shown_from_creation_to_end() {
    for dialect in [Dialect::Bmn4, Dialect::Bmn302, Dialect::OneInch1, Dialect::OneInch2] {
        let world = completed(dialect).await;
        let (id, _) = world.statuses()[0];
        let proof = ask(&world, &id.to_string()).await;
        assert_eq!(proof.order_id, Some(id.to_string()));
        let proven = proof.verify(&factories(&world)).unwrap();
        are_canonical(&world, &proven);
        let [source, destination] = &proven[..] else { panic!("two escrows: {proven:?}") };
        assert_eq!((source.side, destination.side), (EscrowSide::Source, EscrowSide::Destination));
        let secret = match (ends(source), ends(destination)) {
            (
                ContractEvent::Withdrawn { secret: one },
                ContractEvent::Withdrawn { secret: two },
            ) => {
                assert_eq!(one, two);
                alloy::primitives::keccak256(one)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(proof.hashlock, Some(secret));
        let bound = destination.immutables.as_ref().unwrap();
        assert_eq!(bound.hashlock.0, secret);
        if dialect != Dialect::Bmn302 {
            let (stated, complement) =
                (source.immutables.as_ref().unwrap(), source.complement.as_ref().unwrap());
            assert_eq!(stated.hashlock.0, secret);
            assert!(bound.amount >= complement.amount && bound.token == complement.token);
        }
    }
}

#[tokio::test]
async fn a_swap_of_strangers_is_shown_by_a_node_that_has_no_order_of_it() {
    let mut world = completed(Dialect::Bmn4).await;
    let (id, _) = world.statuses()[0];
    let escrows = ask(&world, &id.to_string()).await.escrows;
    world.restart_index_only(memory_store(&CrashBackend::new()));
    world.resolver.run_until_idle().await.unwrap();
    for escrow in &escrows {
        let swap_id = format!("{}:{:#x}", escrow.chain, escrow.escrow);
        for name in [swap_id, format!("{:#x}", escrow.escrow)] {
            let proof = ask(&world, &name).await;
            assert_eq!((&proof.order_id, proof.more), (&None, false));
            let proven = proof.verify(&factories(&world)).unwrap();
            let found: Vec<_> = proven.iter().map(|it| (it.side, it.escrow)).collect();
            let expected: Vec<_> = escrows.iter().map(|it| (it.side, it.escrow)).collect();
            assert_eq!(found, expected, "{name}");
            assert!(proven.iter().all(|escrow| escrow.end().is_some()));
        }
    }
    let unknown = format!("{:#x}", Address::repeat_byte(0xab));
    let refused = world.rpc().request("bmn_getSwapProof", json!([unknown])).await;
    assert!(matches!(refused, Err(RpcFailure::Refused { code: NOT_FOUND, .. })), "{refused:?}");
}

#[tokio::test]
async fn what_a_strangers_destination_is_bound_to_is_found_by_a_node_without_an_order() {
    for dialect in [Dialect::Bmn4, Dialect::Bmn302, Dialect::OneInch1, Dialect::OneInch2] {
        let mut world = completed(dialect).await;
        let (id, _) = world.statuses()[0];
        let own = ask(&world, &id.to_string()).await;
        world.restart_index_only(memory_store(&CrashBackend::new()));
        world.resolver.run_until_idle().await.unwrap();
        let theirs = ask(&world, &own.hashlock.unwrap().to_string()).await;
        assert_eq!((&theirs.order_id, theirs.more), (&None, false));
        assert_eq!(theirs.escrows.len(), 2, "{dialect}");
        let bound = |proof: &SwapProof| proof.escrows[1].immutables.clone();
        assert!(bound(&own).is_some());
        assert_eq!(bound(&theirs), bound(&own), "{dialect}");
        theirs.verify(&factories(&world)).unwrap();
    }
}

#[tokio::test]
async fn what_is_final_is_said() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    assert!(world.run_until(200, |world| world.status() == Some(Status::BothLocked)).await);
    let (id, _) = world.statuses()[0];
    let proof = ask(&world, &id.to_string()).await;
    let [source, destination] = &proof.escrows[..] else { panic!("two escrows") };
    assert!(!destination.events[0].is_final, "it was created a moment ago");
    let proven = proof.verify(&factories(&world)).unwrap();
    assert!(proven.iter().all(|escrow| escrow.end().is_none()));
    assert_eq!(source.events[0].proof.chain, source.chain);
    assert!(world.run_to_end().await);
    let last = world.network.chains.each_ref().map(|node| node.chain.head().number);
    let final_depth = |world: &World| {
        let chains = world.network.chains.iter().zip(last);
        let mut heights = chains.map(|(node, last)| {
            node.chain.head().number.saturating_sub(last + node.spec.finality_depth)
        });
        heights.all(|above| above > 0)
    };
    assert!(world.run_until(400, final_depth).await);
    let proof = ask(&world, &id.to_string()).await;
    let events: Vec<_> = proof.escrows.iter().flat_map(|escrow| &escrow.events).collect();
    assert!(events.len() >= 4, "{events:?}");
    let open: Vec<_> = events.iter().filter(|event| !event.is_final).collect();
    assert!(open.is_empty(), "{open:?}");
}

/// A change of a true proof, and a part of the refusal's words.
type Forgery = (&'static str, fn(&mut SwapProof), &'static str);

fn flip(bytes: &mut Bytes, at: usize) {
    let mut changed = bytes.to_vec();
    changed[at] ^= 1;
    *bytes = changed.into();
}

const FORGERIES: &[Forgery] = &[
    (
        "altered log",
        |proof| {
            let receipt = &mut proof.escrows[0].events[0].proof.receipt;
            let last = receipt.len() - 1;
            flip(receipt, last);
        },
        "escrows[0].events[0].proof: `receipt` is not the one",
    ),
    (
        "altered receipt",
        |proof| flip(&mut proof.escrows[1].events[0].proof.receipt, 12),
        "escrows[1].events[0].proof: `receipt` is not the one",
    ),
    (
        "wrong root",
        |proof| {
            // Where the receipts root stands in a header's RLP: after five words and a beneficiary.
            let header = &mut proof.escrows[0].events[0].proof.header;
            flip(header, 3 + 33 + 33 + 21 + 33 + 33 + 5);
        },
        "escrows[0].events[0].proof: `header` has the hash",
    ),
    (
        "wrong root with the hash of its own header",
        |proof| {
            let proof = &mut proof.escrows[0].events[0].proof;
            flip(&mut proof.header, 3 + 33 + 33 + 21 + 33 + 33 + 5);
            proof.block_hash = alloy::primitives::keccak256(&proof.header);
        },
        "under the receipts root",
    ),
    (
        "another log of the same receipt",
        |proof| proof.escrows[1].events[0].proof.log_index ^= 1,
        "escrows[1].events[0]",
    ),
    (
        "wrong chain of a proof",
        |proof| proof.escrows[0].events[0].proof.chain += 1,
        "escrows[0].events[0].proof.chain: found",
    ),
    ("wrong chain of an escrow", |proof| proof.escrows[0].chain += 7, "is no factory"),
    (
        "chains exchanged",
        |proof| {
            let [one, two] = [proof.escrows[0].chain, proof.escrows[1].chain];
            proof.escrows[0].chain = two;
            proof.escrows[1].chain = one;
        },
        "escrows[0]",
    ),
    (
        "a factory of the forger's",
        |proof| proof.escrows[0].factory = Address::repeat_byte(0x66),
        "is no factory that is believed",
    ),
    (
        "another escrow",
        |proof| proof.escrows[1].escrow = Address::repeat_byte(0x66),
        "escrows[1].events[0]",
    ),
    ("sides exchanged", |proof| proof.escrows[0].side = EscrowSide::Destination, "other side"),
    (
        "another hashlock",
        |proof| proof.hashlock = Some(B256::repeat_byte(1)),
        "hashlock: found 0x0101",
    ),
    ("no hashlock", |proof| proof.hashlock = None, "hashlock: found null"),
    (
        "a larger amount of the destination",
        |proof| {
            let terms = proof.escrows[1].immutables.as_mut().unwrap();
            terms.amount = Amount(terms.amount.0 + U256::from(1));
        },
        "escrows[1].immutables: they are those of",
    ),
    (
        "a larger amount of the source",
        |proof| {
            let terms = proof.escrows[0].immutables.as_mut().unwrap();
            terms.amount = Amount(terms.amount.0 + U256::from(1));
        },
        "escrows[0].immutables: found other terms",
    ),
    (
        "no creation",
        |proof| {
            proof.escrows[1].events.remove(0);
        },
        "escrows[1].events: none of them",
    ),
    (
        "an event in other words",
        |proof| {
            let fields = &mut proof.escrows[1].events[0].event.fields;
            fields.insert("taker".to_owned(), Value::from("0x00"));
        },
        "escrows[1].events[0].event.fields",
    ),
    (
        "an event of another name",
        |proof| proof.escrows[0].events[0].event.event.push('d'),
        "escrows[0].events[0].event.event",
    ),
    (
        "an escrow twice",
        |proof| {
            let again = proof.escrows[0].clone();
            proof.escrows.push(again);
        },
        "escrows[2]: the same as escrows[0]",
    ),
    (
        "an event twice",
        |proof| {
            let again = proof.escrows[1].events[0].clone();
            proof.escrows[1].events.push(again);
        },
        "escrows[1].events[2]: the same as escrows[1].events[0]",
    ),
    (
        "a creation that says less than there is",
        |proof| {
            proof.escrows[0].events.retain(|it| it.event.event != "SrcEscrowCreated");
            assert_eq!(proof.escrows[0].events[0].event.event, "PostInteractionEscrowCreated");
        },
        "escrows[0].events: the factory's SrcEscrowCreated is not among them",
    ),
    (
        "an event of another block",
        |proof| proof.escrows[0].events[0].event.block.number += 1,
        "escrows[0].events[0].event.block",
    ),
];

#[tokio::test]
async fn no_part_of_a_proof_can_be_changed() {
    let world = completed(Dialect::Bmn4).await;
    let (id, _) = world.statuses()[0];
    let (proof, believed) = (ask(&world, &id.to_string()).await, factories(&world));
    assert!(proof.verify(&believed).is_ok());
    for (name, forge, words) in FORGERIES {
        let mut forged = proof.clone();
        forge(&mut forged);
        assert_ne!(forged, proof, "{name}");
        let refused = forged.verify(&believed).expect_err(name).to_string();
        assert!(refused.contains(words), "{name}: {refused}");
    }
    let none = proof.verify(&[]).unwrap_err();
    assert!(matches!(none, SwapProofError::UnknownFactory { .. }), "{none}");
}
