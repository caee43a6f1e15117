//! The conformance suite finds hosts that break the seam: each fault here fails a case, and a host that
//! does the same things rightly in another way fails none.

#[path = "common/bed.rs"]
mod bed;
#[path = "common/faulty.rs"]
mod faulty;

use bmn_chain::conformance::{Case, cases};
use faulty::{ClientFault, FaultyBed, SourceFault};
use std::time::Duration;

/// Nothing here waits for time, so the paused clock is there at once.
const LIMIT: Duration = Duration::from_secs(60);

/// Why the case fails; `None` when it passes.
async fn failure(case: &Case, bed: &mut FaultyBed) -> Option<String> {
    match tokio::time::timeout(LIMIT, case.run(bed)).await {
        Ok(Ok(())) => None,
        Ok(Err(broken)) => Some(broken.to_string()),
        Err(_) => Some("hangs".to_owned()),
    }
}

/// What is wrong with how the case named `name` takes a faulty host, if anything.
async fn overlooked(name: &str, words: &str, mut bed: FaultyBed) -> Option<String> {
    let case = cases().into_iter().find(|case| case.name == name).expect("there is such a case");
    let found = failure(&case, &mut bed).await.unwrap_or_else(|| "nothing".to_owned());
    (!found.contains(words)).then(|| format!("{name} should find {words:?}, it found: {found}"))
}

#[tokio::test(start_paused = true)]
async fn sparse_history_conforms() {
    for case in cases().into_iter().filter(|case| case.needs.is_none()) {
        let mut bed = FaultyBed::of_source(SourceFault::NoneButSparse);
        assert_eq!(failure(&case, &mut bed).await, None, "{}", case.name);
    }
}

#[tokio::test(start_paused = true)]
async fn every_fault_of_a_source_fails_the_case_it_should() {
    let expected = [
        (SourceFault::LosesALog, "blocks_are_told_as_they_come", "logs of block"),
        (SourceFault::SwapsLogs, "a_crowded_block_comes_whole", "out of order"),
        (SourceFault::CountsLogsByTransaction, "blocks_are_told_as_they_come", "no such log"),
        (SourceFault::InventsALog, "a_gap_is_filled", "bloom"),
        (SourceFault::HeaderWithoutBaseFee, "blocks_are_told_as_they_come", "a header"),
        (
            SourceFault::HidesReorgs,
            "a_reorg_of_any_depth_to_the_same_height",
            "number of the next block",
        ),
        (SourceFault::RevertsOldestFirst, "a_reorg_of_any_depth_to_a_longer_chain", "newest first"),
        (
            SourceFault::RevertsACommonBlock,
            "a_reorg_of_any_depth_to_a_shorter_chain",
            "committed again",
        ),
        (SourceFault::HidesReverts, "blocks_taken_away_are_taken_back", "hangs"),
        (
            SourceFault::SendsTooMany,
            "a_segment_is_as_small_as_asked_for",
            "at most 1 were asked for",
        ),
        (
            SourceFault::RemembersWhatItSent,
            "the_same_cursor_gets_the_same_answer",
            "new for that cursor",
        ),
        (SourceFault::NeverWakes, "blocks_are_told_as_they_come", "hangs"),
        (
            SourceFault::IgnoresTheStart,
            "a_source_starts_at_its_start_block",
            "number of the next block",
        ),
        (
            SourceFault::BelievesAnyCursor,
            "a_cursor_of_another_chain_is_refused",
            "a cursor nobody knows",
        ),
        (SourceFault::FinalizedIsTheHead, "head_and_finalized_are_the_nodes", "finalized"),
        (SourceFault::HeadIsGenesis, "head_and_finalized_are_the_nodes", "head"),
        (SourceFault::AnotherChainId, "blocks_are_told_as_they_come", "chain id of the source"),
        (SourceFault::HistoryLosesABlock, "backfill_tells_what_was_told_live", "was left out"),
        (SourceFault::HistoryAboveFinality, "a_gap_is_filled", "passes the finalized block"),
    ];
    let mut wrong = Vec::new();
    for (fault, case, words) in expected {
        wrong.extend(overlooked(case, words, FaultyBed::of_source(fault)).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn every_fault_of_a_client_fails_the_case_it_should() {
    let expected = [
        (
            ClientFault::AnotherChainId,
            "the_client_reads_the_newest_state",
            "chain id of the client",
        ),
        (ClientFault::HeadIsGenesis, "the_client_reads_the_newest_state", "head"),
        (ClientFault::CountsThePool, "the_client_reads_the_newest_state", "consumes no nonce"),
        (ClientFault::DropsRevertData, "calls_answer_and_revert_with_data", "a call that reverts"),
        (ClientFault::IgnoresTheTime, "a_call_runs_at_its_candidate_time", "block time in a call"),
        (
            ClientFault::SimulatesAtTheHead,
            "a_call_runs_at_its_candidate_time",
            "block time in a simulation",
        ),
        (ClientFault::HalvesTheGas, "a_simulation_finds_gas_that_passes", "gas"),
        (ClientFault::NamesNoReason, "a_refusal_says_why", "a used nonce"),
        (
            ClientFault::RemembersReceipts,
            "a_receipt_follows_the_canonical_chain",
            "receipt after the block is gone",
        ),
        (
            ClientFault::EverythingSucceeds,
            "a_failed_transaction_has_a_receipt_that_says_so",
            "reverted",
        ),
        (
            ClientFault::FeesAreZero,
            "a_transaction_is_taken_mined_and_receipted",
            "fees of a quiet chain",
        ),
        (
            ClientFault::LeavesOutAReceipt,
            "receipts_of_a_block_are_what_its_root_commits_to",
            "root of the receipts",
        ),
        (
            ClientFault::AnswersForAnyBlock,
            "receipts_of_a_block_are_what_its_root_commits_to",
            "receipts of no block",
        ),
    ];
    let mut wrong = Vec::new();
    for (fault, case, words) in expected {
        wrong.extend(overlooked(case, words, FaultyBed::of_client(fault)).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
