//! What every host must do alike, as one list of cases.
//!
//! A test brings a [`Testbed`]: a new chain it can command, and the host that follows it. It runs each of
//! [`cases`] on a testbed of its own, with a time limit of its own, and expects `Ok`. Nothing here waits
//! or reads a clock, so it runs on any executor.
//!
//! A case that needs an [`Ability`] a node truly lacks is left out by the caller, who says so by name:
//! see [`Case::needs`].

mod actions;
mod commits;
mod contracts;
mod follower;
mod receipts;
mod reorgs;
mod restarts;
mod verdict;
mod world;

pub use contracts::{EMITTER, Emission, emissions, emitter_address};
pub use verdict::{Broken, Verdict};

use crate::{Block, ChainClient, ChainSource};
use alloy::{
    primitives::{Address, B256, Bytes},
    signers::local::PrivateKeySigner,
};
use async_trait::async_trait;
use bmn_primitives::{BlockRef, ChainId};
use std::{fmt, pin::Pin, sync::Arc};

/// A chain of its own that a case can command, and the host under test on top of it.
///
/// It starts at genesis, mines only when told, and takes reorgs down to [`Self::finality_depth`]. Its
/// methods panic when the node itself fails: that is no finding about the host.
#[async_trait]
pub trait Testbed: Send + Sync {
    /// The chain's id.
    fn chain_id(&self) -> ChainId;

    /// An account with at least 100 ether that has sent nothing yet. A source that filters must
    /// deliver the logs of [`emitter_address`] of this account.
    fn signer(&self) -> PrivateKeySigner;

    /// Blocks on top of a block that make it final for the source. At least 3.
    fn finality_depth(&self) -> u64;

    /// The host's client.
    fn client(&self) -> Arc<dyn ChainClient>;

    /// A new source of the host, which starts at block `start`.
    async fn open(&mut self, start: u64) -> Box<dyn ChainSource>;

    /// Stops the host, and the node where that can be done, and starts it again. Sources opened
    /// before are gone; the chain is as it was.
    async fn restart(&mut self);

    /// Puts those of these transactions into the pool that are not there yet, and mines one block that
    /// has them all.
    async fn mine(&mut self, txs: &[Bytes]);

    /// Puts `length` blocks of other hashes in the place of the newest `depth`. The first has these
    /// transactions and the others none; with length 0 the chain is just shorter. Transactions of the
    /// old blocks are not in the pool afterwards.
    async fn replace(&mut self, depth: u64, length: u64, txs: &[Bytes]);

    /// Mines one block with a deposit transaction (type `0x7e`) of the signer that calls `to`, and
    /// answers its hash. Called only where [`Ability::Deposits`] is claimed.
    async fn mine_deposit(&mut self, to: Address, data: Bytes) -> B256;

    /// The node's head, not asked of the host under test.
    async fn head(&self) -> BlockRef;

    /// The node's canonical block with all its logs, not asked of the host under test.
    async fn block(&self, number: u64) -> Option<Block>;
}

/// What not every node can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ability {
    /// Blocks of an OP-stack chain, with deposit transactions of type `0x7e`.
    Deposits,
}

type Run =
    for<'a> fn(&'a mut (dyn Testbed + 'a)) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// One case.
#[derive(Clone, Copy)]
pub struct Case {
    /// What holds when it passes.
    pub name: &'static str,
    /// What the node must be able to do.
    pub needs: Option<Ability>,
    run: Run,
}

impl Case {
    /// Runs it on a new testbed. May wait for ever where a host does: set a time limit.
    ///
    /// # Errors
    /// [`Broken`]: the first rule that did not hold.
    pub async fn run<'a>(&self, bed: &'a mut (dyn Testbed + 'a)) -> Verdict {
        (self.run)(bed).await
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.name).field("needs", &self.needs).finish()
    }
}

macro_rules! cases {
    ($($module:ident::$name:ident $(needs $ability:ident)?;)*) => {
        [$(Case {
            name: stringify!($name),
            needs: cases!(@ability $($ability)?),
            run: |bed| Box::pin($module::$name(bed)),
        }),*]
    };
    (@ability) => { None };
    (@ability $ability:ident) => { Some(Ability::$ability) };
}

/// Every case, for the source first.
pub fn cases() -> Vec<Case> {
    cases![
        commits::blocks_are_told_as_they_come;
        commits::a_segment_is_as_small_as_asked_for;
        commits::a_crowded_block_comes_whole;
        commits::a_gap_is_filled;
        commits::backfill_tells_what_was_told_live;
        commits::a_follower_that_lags_behind_a_moving_chain_catches_up;
        commits::the_same_cursor_gets_the_same_answer;
        commits::an_abandoned_wait_or_read_loses_nothing;
        commits::a_source_starts_at_its_start_block;
        commits::head_and_finalized_are_the_nodes;
        commits::acknowledging_changes_nothing_for_the_reader;
        commits::a_deposit_transaction_passes_the_seam needs Deposits;
        reorgs::a_reorg_of_any_depth_to_the_same_height;
        reorgs::a_reorg_of_any_depth_to_a_longer_chain;
        reorgs::a_reorg_of_any_depth_to_a_shorter_chain;
        reorgs::a_reorg_comes_in_pieces_as_small_as_asked_for;
        reorgs::reorgs_between_two_looks_are_one;
        reorgs::blocks_taken_away_are_taken_back;
        reorgs::a_reorg_below_the_start_block_begins_again;
        restarts::a_restart_continues_at_the_cursor;
        restarts::a_restart_with_nothing_new_tells_nothing;
        restarts::a_reorg_of_any_depth_while_down_is_seen;
        restarts::a_shorter_chain_after_a_restart_is_seen;
        restarts::a_cursor_of_another_chain_is_refused;
        actions::the_client_reads_the_newest_state;
        actions::calls_answer_and_revert_with_data;
        actions::a_call_runs_at_its_candidate_time;
        actions::a_simulation_finds_gas_that_passes;
        actions::a_transaction_is_taken_mined_and_receipted;
        actions::a_failed_transaction_has_a_receipt_that_says_so;
        actions::a_refusal_says_why;
        actions::a_receipt_follows_the_canonical_chain;
        receipts::receipts_of_a_block_are_what_its_root_commits_to;
        receipts::receipts_of_a_block_that_left_the_chain_are_none;
    ]
    .to_vec()
}
