//! What proofs are made of.

use super::{
    Testbed, Verdict,
    verdict::{Answer, broken, ensure_eq},
    world::World,
};
use alloy::{
    consensus::proofs::ordered_trie_root_with_encoder,
    primitives::{B256, Bytes, TxKind, keccak256},
    rlp::BufMut,
};
use bmn_primitives::BlockRef;

/// Transactions of a block whose indices take one, and more than one, byte in the trie's keys.
const MANY: usize = 130;

pub(super) async fn receipts_of_a_block_are_what_its_root_commits_to(
    bed: &mut dyn Testbed,
) -> Verdict {
    let mut world = World::new(bed).await?;
    for logs in [&[][..], &[1], &[0, 3, 1], &[1; MANY]] {
        world.mine_logs(logs).await?;
        let head = world.head().await;
        are_whole(&world, head, logs.len()).await?;
    }
    let reverts = world.sign(|tx| {
        tx.to = TxKind::Call(world.probe);
        tx.gas_limit = 50_000;
        tx.input = Bytes::from_static(&[1]);
    })?;
    world.mine_txs(&[reverts]).await;
    are_whole(&world, world.head().await, 1).await?;
    let unknown = B256::repeat_byte(0xab);
    let none = world.client().block_receipts(unknown).await.answers("block_receipts")?;
    ensure_eq("receipts of no block", &none, &None)
}

/// The host's receipts of a block of so many transactions make up the root that the node names.
async fn are_whole(world: &World<'_>, block: BlockRef, txs: usize) -> Verdict {
    let found = world.client().block_receipts(block.hash).await.answers("block_receipts")?;
    let Some(found) = found else { return broken(format!("{block} is canonical")) };
    ensure_eq("hash of the header", &keccak256(&found.header), &block.hash)?;
    let root = ordered_trie_root_with_encoder(&found.receipts, |receipt, out| {
        out.put_slice(receipt);
    });
    let truth = world.truth(block.number).await?.header;
    ensure_eq("root of the receipts", &root, &truth.receipts_root)?;
    ensure_eq("number of receipts", &found.receipts.len(), &txs)
}

pub(super) async fn receipts_of_a_block_that_left_the_chain_are_none(
    bed: &mut dyn Testbed,
) -> Verdict {
    let mut world = World::new(bed).await?;
    world.mine_empty(world.bed.finality_depth()).await;
    world.mine_logs(&[2]).await?;
    let old = world.head().await;
    are_whole(&world, old, 1).await?;
    world.replace(1, 2, &[1, 1]).await?;
    let gone = world.client().block_receipts(old.hash).await.answers("block_receipts")?;
    ensure_eq("receipts of a block that is gone", &gone, &None)?;
    let first = world.truth(old.number).await?.header.block_ref();
    are_whole(&world, first, 2).await
}
