//! The seam's conformance suite on the development chain itself.

#[path = "common/bed.rs"]
mod bed;

use bed::DevBed;
use bmn_chain::conformance::cases;
use std::time::Duration;

/// One that hangs has failed: nothing here waits for time, so the paused clock is there at once.
const LIMIT: Duration = Duration::from_secs(60);
/// Blocks that the forgetful chain keeps: as many as the longest case makes, since the suite reads them all.
const KEPT: u64 = 46;

#[tokio::test(start_paused = true)]
async fn a_development_chain_conforms() {
    all_pass(DevBed::on_disk).await;
}

#[tokio::test(start_paused = true)]
async fn a_development_chain_that_forgets_old_blocks_conforms() {
    all_pass(|| DevBed::forgetful(KEPT)).await;
}

async fn all_pass(make: impl Fn() -> DevBed) {
    let mut left_out = Vec::new();
    let mut failed = Vec::new();
    for case in cases() {
        if case.needs.is_some() {
            left_out.push(case.name);
            continue;
        }
        let mut bed = make();
        match tokio::time::timeout(LIMIT, case.run(&mut bed)).await {
            Ok(Ok(())) => {}
            Ok(Err(broken)) => failed.push(format!("{}: {broken}", case.name)),
            Err(_) => failed.push(format!("{}: not done after {LIMIT:?}", case.name)),
        }
    }
    assert!(failed.is_empty(), "{} cases failed:\n{}", failed.len(), failed.join("\n"));
    // An Ethereum chain has no deposit transactions; anvil in its OP-stack mode runs this case.
    assert_eq!(left_out, ["a_deposit_transaction_passes_the_seam"]);
}
