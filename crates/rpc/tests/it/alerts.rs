//! What a person should look at.

use crate::{
    chain::next,
    fixture::{A, Fixture, ScriptedIntake, View, order_id},
};
use bmn_rpc::RpcLimits;
use bmn_rpc_api::{AlertKind, AlertNotice, Notice};
use bmn_store::{LateRow, Mode, RebuildReason};
use bmn_swap::Action;
use jsonrpsee::{Subscription, core::EmptyServerParams};
use std::time::Duration;

async fn alert(subscription: &mut Subscription) -> AlertNotice {
    match next(subscription).await {
        Some(Notice::Alert(alert)) => alert,
        other => panic!("{other:?}"),
    }
}

fn of(alert: &AlertNotice) -> (AlertKind, bool) {
    (alert.kind, alert.standing)
}

impl Fixture {
    async fn alerts(&self, buffer: usize) -> Subscription {
        let method = "bmn_subscribeAlerts";
        self.operated.subscribe(method, EmptyServerParams::new(), buffer).await.unwrap()
    }

    fn late(&self, late: LateRow) {
        let mut tx = self.store.write().unwrap();
        tx.set_late(order_id(A, 1), Action::WithdrawSource, late).unwrap();
        tx.commit().unwrap();
        self.announce();
    }

    fn mode(&self, mode: Mode) {
        let mut tx = self.store.write().unwrap();
        tx.set_mode(A, mode).unwrap();
        tx.commit().unwrap();
        self.announce();
    }
}

#[tokio::test]
async fn what_stands_is_told_first_and_then_what_begins_and_ends() {
    let view = View(Some("no disk".to_owned()));
    let fixture = Fixture::with(ScriptedIntake::default(), RpcLimits::default(), view);
    let mut alerts = fixture.alerts(8).await;
    let halted = alert(&mut alerts).await;
    assert_eq!((of(&halted), halted.reason.as_str()), ((AlertKind::NotActing, true), "no disk"));

    fixture.mode(Mode::Clearing(RebuildReason::Damaged));
    let behind = alert(&mut alerts).await;
    assert_eq!((of(&behind), behind.chain), ((AlertKind::ChainBehind, true), Some(A.0)));
    assert!(behind.reason.contains("damaged"), "{behind:?}");
    fixture.mode(Mode::Live);
    assert_eq!(of(&alert(&mut alerts).await), (AlertKind::ChainBehind, false));

    fixture.late(LateRow { overdue: true, missed: Some(77) });
    let overdue = alert(&mut alerts).await;
    assert_eq!(of(&overdue), (AlertKind::Overdue, true));
    assert_eq!(overdue.order_id, Some(order_id(A, 1).to_string()));
    assert_eq!(overdue.action.as_deref(), Some(Action::WithdrawSource.name()));
    let missed = alert(&mut alerts).await;
    assert_eq!(
        (of(&missed), missed.reason.contains("77")),
        ((AlertKind::MissedDeadline, true), true)
    );
    fixture.late(LateRow { overdue: false, missed: Some(77) });
    assert_eq!(of(&alert(&mut alerts).await), (AlertKind::Overdue, false));

    // Whoever comes later is told what stands, and nothing that is over.
    let mut later = fixture.alerts(8).await;
    assert_eq!(of(&alert(&mut later).await), (AlertKind::NotActing, true));
    assert_eq!(of(&alert(&mut later).await), (AlertKind::MissedDeadline, true));
    fixture.mode(Mode::Backfilling);
    assert_eq!(of(&alert(&mut later).await), (AlertKind::ChainBehind, true));
}

#[tokio::test]
async fn whoever_does_not_read_alerts_is_told_so_and_let_go() {
    let limits = RpcLimits { patience: Duration::ZERO, ..RpcLimits::default() };
    let view = View(Some("no disk".to_owned()));
    let fixture = Fixture::with(ScriptedIntake::default(), limits, view);
    fixture.late(LateRow { overdue: true, missed: Some(77) });
    // One place in the buffer, and three alerts.
    let mut alerts = fixture.alerts(1).await;
    let mut heard = 0;
    loop {
        match next(&mut alerts).await {
            Some(Notice::Alert(_)) => heard += 1,
            Some(Notice::Lagged { resume_from: None }) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(heard < 3, "the buffer held everything: this test tests nothing");
    assert!(next(&mut alerts).await.is_none());
}

#[tokio::test]
async fn nobody_follows_alerts_through_the_public_module() {
    let fixture = Fixture::new();
    let names: Vec<_> = fixture.module.method_names().collect();
    assert!(names.contains(&"bmn_subscribe") && !names.contains(&"bmn_subscribeAlerts"));
}
