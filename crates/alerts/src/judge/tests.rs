use super::*;
use crate::{
    BalanceFacts, ChainFacts, DiskFacts, JobFacts, OrderFacts, PartFacts, QueueFacts, StageFacts,
};
use alloy::primitives::U256;

fn stage(seconds_left: i64, withdrawal_open: bool) -> Facts {
    let stage = StageFacts {
        order: "1:0xaa".to_owned(),
        chain: 1,
        stage: "dstCancellation",
        seconds_left,
        withdrawal_open,
    };
    Facts { stages: vec![stage], ..Facts::default() }
}

/// Kinds and severities of what is wrong, in order.
fn wrong(facts: &Facts) -> Vec<(Kind, Severity)> {
    let found = judge(facts, &Thresholds::default());
    found.iter().map(|(id, it)| (id.kind, it.severity)).collect()
}

use Severity::{Critical, Warning};

#[test]
fn nothing_is_wrong_with_nothing() {
    assert_eq!(wrong(&Facts::default()), []);
}

#[test]
fn a_stage_is_near_below_300_seconds_and_a_withdrawal_below_30() {
    assert_eq!(wrong(&stage(300, true)), []);
    assert_eq!(wrong(&stage(299, true)), [(Kind::TimelockApproaching, Critical)]);
    assert_eq!(wrong(&stage(30, true)), [(Kind::TimelockApproaching, Critical)]);
    let both = [(Kind::TimelockApproaching, Critical), (Kind::CancelWindow, Critical)];
    assert_eq!(wrong(&stage(29, true)), both);
    assert_eq!(wrong(&stage(29, false)), [(Kind::TimelockApproaching, Critical)]);
    assert_eq!(wrong(&stage(0, true)), [], "it has begun");
    assert_eq!(wrong(&stage(-5, true)), []);
}

#[test]
fn more_than_a_hundred_ready_jobs_of_a_chain_are_many_and_deadlines_make_it_critical() {
    let queue = |ready: [u64; 2], with_deadline| {
        let lane = |lane, jobs, with_deadline| QueueFacts { chain: 1, lane, jobs, with_deadline };
        let queue = vec![lane("wayOut", ready[0], with_deadline), lane("newOrder", ready[1], 0)];
        Facts { queue, ..Facts::default() }
    };
    assert_eq!(wrong(&queue([50, 50], 50)), []);
    assert_eq!(wrong(&queue([50, 51], 0)), [(Kind::HighQueueDepth, Warning)]);
    assert_eq!(wrong(&queue([50, 51], 1)), [(Kind::HighQueueDepth, Critical)]);
}

#[test]
fn an_index_lags_from_eleven_blocks_on_and_a_host_after_two_minutes_without_a_block() {
    let chain = |head, indexed, head_age| Facts {
        chains: vec![ChainFacts { chain: 1, indexed, head, head_age, answers: true, moved: true }],
        ..Facts::default()
    };
    assert_eq!(wrong(&chain(Some(20), Some(10), 0)), []);
    assert_eq!(wrong(&chain(Some(21), Some(10), 0)), [(Kind::IndexerLag, Critical)]);
    assert_eq!(wrong(&chain(Some(21), None, 0)), [(Kind::IndexerLag, Critical)]);
    assert_eq!(wrong(&chain(Some(9), Some(10), 0)), [], "a reorg made the chain shorter");
    assert_eq!(wrong(&chain(None, Some(10), 119)), []);
    assert_eq!(wrong(&chain(None, Some(10), 120)), [(Kind::RemoteLag, Critical)]);
}

#[test]
fn a_balance_is_low_below_its_threshold_and_its_value_is_not_in_the_id() {
    let of = |balance: u64| Facts {
        balances: vec![BalanceFacts {
            chain: 1,
            token: "TKA".to_owned(),
            balance: U256::from(balance),
            threshold: U256::from(1_000),
        }],
        ..Facts::default()
    };
    assert_eq!(wrong(&of(1_000)), []);
    assert_eq!(wrong(&of(999)), [(Kind::LowBalance, Warning)]);
    let ids = |balance| judge(&of(balance), &Thresholds::default()).into_keys().collect::<Vec<_>>();
    assert_eq!(ids(999), ids(5));
}

#[test]
fn ninety_percent_of_the_orders_that_may_be_open_are_many() {
    let open = |open_orders, max_open_orders| {
        wrong(&Facts { open_orders, max_open_orders, ..Facts::default() })
    };
    assert_eq!(open(8, 10), []);
    assert_eq!(open(9, 10), [(Kind::Capacity, Warning)]);
    assert_eq!(open(899, 1_000), []);
    assert_eq!(open(900, 1_000), [(Kind::Capacity, Warning)]);
    assert_eq!(open(9, 0), [], "there is no limit");
}

#[test]
fn the_whole_is_a_warning_when_degraded_and_critical_when_unhealthy() {
    let overall = |overall| {
        let parts = vec![PartFacts {
            name: "index 1".to_owned(),
            detail: "clearing".to_owned(),
            was_well: true,
        }];
        Facts { overall, parts, ..Facts::default() }
    };
    assert_eq!(wrong(&overall(Overall::Healthy)), []);
    assert_eq!(wrong(&overall(Overall::Degraded)), [(Kind::OverallHealth, Warning)]);
    assert_eq!(wrong(&overall(Overall::Unhealthy)), [(Kind::OverallHealth, Critical)]);
    let text = judge(&overall(Overall::Degraded), &Thresholds::default());
    assert!(text.values().next().unwrap().text.contains("index 1: clearing"));
}

#[test]
fn a_failing_job_is_critical_where_money_depends_on_it_and_a_missed_one_is_a_warning() {
    let job = |critical, unhealthy, missed| {
        let name = "timelockMonitor".to_owned();
        let job = JobFacts { name, critical, unhealthy, error: None, missed };
        wrong(&Facts { jobs: vec![job], ..Facts::default() })
    };
    assert_eq!(job(true, false, false), []);
    assert_eq!(job(true, true, false), [(Kind::JobUnhealthy, Critical)]);
    assert_eq!(job(false, true, false), [(Kind::JobUnhealthy, Warning)]);
    assert_eq!(job(true, false, true), [(Kind::JobMissed, Warning)]);
}

#[test]
fn everything_else_is_wrong_as_soon_as_it_is_there() {
    let order = || vec![OrderFacts { subject: "x".to_owned(), detail: "y".to_owned() }];
    let facts = Facts {
        missed: order(),
        dead_letters: order(),
        stuck: order(),
        backup_age: Some(26 * 3_600 + 1),
        disk: Some(DiskFacts { free: (1 << 30) - 1, total: 1 << 40 }),
        halted: Some("no disk".to_owned()),
        records_failed: Some("no disk".to_owned()),
        ..Facts::default()
    };
    let expected = [
        (Kind::MissedDeadline, Critical),
        (Kind::DeadLetters, Warning),
        (Kind::StuckMoney, Critical),
        (Kind::BackupOld, Warning),
        (Kind::DiskLow, Warning),
        (Kind::Halted, Critical),
        (Kind::RecordsFailing, Warning),
    ];
    assert_eq!(wrong(&facts), expected);
    for (id, condition) in judge(&facts, &Thresholds::default()) {
        assert!(id.kind.severities().contains(&condition.severity), "{id}");
    }
}

#[test]
fn a_thousand_orders_with_one_cause_are_a_hundred_alerts() {
    let order = |n: u32| OrderFacts { subject: n.to_string(), detail: String::new() };
    let facts = Facts { stuck: (0..1_000).map(order).collect(), ..Facts::default() };
    assert_eq!(wrong(&facts).len(), MOST);
}

#[test]
fn a_node_that_begins_is_given_time_for_parts_that_were_never_well() {
    let of = |up, was_well, overall| Facts {
        up_seconds: Some(up),
        overall,
        parts: vec![PartFacts {
            name: "index 1".to_owned(),
            detail: "begins".to_owned(),
            was_well,
        }],
        ..Facts::default()
    };
    for overall in [Overall::Degraded, Overall::Unhealthy] {
        assert_eq!(wrong(&of(119, false, overall)), []);
        assert_eq!(wrong(&of(120, false, overall)).len(), 1, "it had its time");
        assert_eq!(wrong(&of(5, true, overall)).len(), 1, "what was well is known");
    }
    let halted = Facts { halted: Some("disk".to_owned()), ..of(1, true, Overall::Unhealthy) };
    assert_eq!(wrong(&halted).len(), 2);
}
