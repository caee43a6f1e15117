//! The slot of every action.

use super::{
    Progress, Slot, TimedAction, Times,
    clock::{Clock, Exact, Spans, cut},
};
use bmn_primitives::{Leg, Stage, Window};

fn cut_signed(seconds: Exact) -> i64 {
    i64::try_from(seconds).unwrap_or(if seconds < 0 { i64::MIN } else { i64::MAX })
}

impl Clock<'_> {
    pub(super) fn slots(&self) -> Vec<Slot> {
        let mut slots = Vec::new();
        slots.extend(self.fill());
        slots.extend(self.fund());
        if !matches!(self.basis.progress, Progress::Paid { .. }) {
            slots.extend(self.maker());
            slots.push(self.withdraw_destination());
            slots.push(self.public(TimedAction::PublicWithdrawDestination));
        }
        slots.push(self.withdraw_source());
        slots.push(self.public(TimedAction::PublicWithdrawSource));
        slots.extend(self.ways_out());
        slots
    }

    fn spans(&self, action: TimedAction) -> Spans {
        match action.leg() {
            Leg::Source => self.source,
            Leg::Destination => self.destination,
        }
    }

    fn patience(&self, action: TimedAction) -> Exact {
        let slow = u64::try_from(self.spans(action).slow).unwrap_or(u64::MAX);
        self.basis.alarm_inclusions.saturating_mul(slow).into()
    }

    /// A slot with a latest time, from which urgency and alarm are counted back.
    fn limited(&self, action: TimedAction, earliest: Exact, latest: Exact) -> Slot {
        let slow = self.spans(action).slow;
        // Not before one inclusion could have been: nobody is told of what has just become possible.
        let alarm = (latest - self.patience(action)).max(earliest + slow).min(latest.max(earliest));
        Slot {
            action,
            window: None,
            earliest: cut(earliest),
            latest: Some(cut(latest)),
            urgent_from: Some(cut((latest - 2 * slow).max(earliest))),
            alarm_at: Some(cut(alarm)),
            slack: None,
        }
    }

    /// A slot that never closes. What has not happened long after it could have is an alarm.
    fn unlimited(&self, action: TimedAction, earliest: Exact, urgent: Option<Exact>) -> Slot {
        Slot {
            action,
            window: Some(Window { start: cut(earliest), end: u64::MAX }),
            earliest: cut(earliest),
            latest: None,
            urgent_from: urgent.map(|time| cut(time.max(earliest))),
            alarm_at: Some(cut(earliest + self.patience(action))),
            slack: None,
        }
    }

    fn step(&self, slot: Slot, window: Option<Window>, latest: Exact, reached: Exact) -> Slot {
        Slot { window, slack: Some(cut_signed(latest - reached)), ..slot }
    }

    /// Latest safe time to send the destination's withdrawal, ours or the maker's.
    fn withdraw_destination_by(&self) -> Exact {
        self.at(Stage::DstCancellation) - 1 - self.destination.slow
    }

    fn fund_by(&self) -> Exact {
        let Spans { slow, settle, .. } = self.destination;
        if self.counts_from_creation() {
            // The later it is created, the later it ends.
            let span = self.at(Stage::DstCancellation) - self.created;
            self.dst_cancellation_by - span - slow
        } else {
            self.withdraw_destination_by() - self.reaction - settle - slow
        }
    }

    fn fill(&self) -> Option<Slot> {
        let now = Exact::from(self.basis.source_now);
        let expiration = self.basis.expiration.map(Exact::from);
        let (mined_by, end) = match self.basis.times {
            Times::Source { .. } => return None,
            // All its windows follow the fill: only the order's own end makes it too late.
            Times::Offsets { .. } => (expiration, expiration),
            Times::Absolute { .. } => {
                let future = self.at(Stage::DstWithdrawal).min(self.at(Stage::SrcCancellation)) - 1;
                let end = expiration.map_or(future, |last| last.min(future));
                let claim = self.fund_by() - self.source.settle - self.skew;
                (Some(end.min(claim)), Some(end))
            }
        };
        let end = end.map_or(u64::MAX, |last| cut(last + 1));
        let window = Some(Window { start: 0, end });
        Some(match mined_by {
            None => Slot { window, alarm_at: None, ..self.unlimited(TimedAction::Fill, now, None) },
            Some(mined_by) => {
                let latest = mined_by - self.source.slow;
                let slot = self.limited(TimedAction::Fill, now, latest);
                self.step(slot, window, latest, now)
            }
        })
    }

    /// When the claim on the source is confirmed, at best.
    fn claim_settled(&self) -> Exact {
        let filled = match self.basis.times {
            Times::Source { .. } => self.claimed,
            _ => Exact::from(self.basis.source_now) + self.source.typical,
        };
        filled + self.source.settle
    }

    fn fund(&self) -> Option<Slot> {
        if self.basis.destination.is_some() {
            return None;
        }
        let end = if self.counts_from_creation() {
            // The factory refuses one that would end after the source: equal is fine.
            let span = self.at(Stage::DstCancellation) - self.created;
            cut(self.at(Stage::SrcCancellation) - span + 1)
        } else {
            u64::MAX
        };
        let latest = self.fund_by();
        let slot = self.limited(TimedAction::FundDestination, self.claim_settled(), latest);
        Some(self.step(slot, Some(Window { start: 0, end }), latest, self.fund_reached))
    }

    /// When the destination is confirmed, at best.
    fn destination_settled(&self) -> Exact {
        let Spans { typical, settle, .. } = self.destination;
        match self.basis.destination {
            Some(known) => Exact::from(known.created_at) + settle,
            None => self.claim_settled() + typical + settle,
        }
    }

    /// The same when everything is slow.
    fn settled_reached(&self) -> Exact {
        let Spans { slow, settle, .. } = self.destination;
        match self.basis.destination {
            Some(_) => self.destination_settled().max(self.basis.destination_now.into()),
            None => self.fund_reached + slow + settle,
        }
    }

    fn maker(&self) -> Vec<Slot> {
        let (settled, reached) = (self.destination_settled(), self.settled_reached());
        let latest = self.withdraw_destination_by();
        let public = self.at(Stage::DstPublicWithdrawal);
        let by_permission = !self.counts_from_creation();
        let mut slots = Vec::new();
        if by_permission {
            let permit_by = latest - self.reaction;
            let slot = self.limited(TimedAction::Permit, settled, permit_by);
            slots.push(self.step(slot, None, permit_by, reached));
        }
        if self.basis.progress == Progress::Secret {
            let slot = self.limited(TimedAction::Disclose, settled, latest);
            slots.push(self.step(slot, None, latest, reached + self.reaction));
        }
        if by_permission {
            let slot = self.limited(TimedAction::MakerWithdraw, public.max(settled), latest);
            let window = Some(self.window(Stage::DstPublicWithdrawal));
            slots.push(self.step(slot, window, latest, public.max(reached) + self.reaction));
        }
        slots
    }

    /// When the destination's withdrawal can be sent, everything before it being slow.
    fn withdrawal_reached(&self) -> Exact {
        let opens = self.at(Stage::DstWithdrawal);
        match self.basis.progress {
            // One withdrawal that is not included must leave the time for another.
            Progress::Secret => {
                (self.settled_reached() + self.reaction).max(opens + self.destination.slow)
            }
            _ => self.settled_reached().max(opens),
        }
    }

    fn withdraw_destination(&self) -> Slot {
        let latest = self.withdraw_destination_by();
        let earliest = self.at(Stage::DstWithdrawal).max(self.destination_settled());
        let slot = self.limited(TimedAction::WithdrawDestination, earliest, latest);
        let window = Some(self.window(Stage::DstWithdrawal));
        self.step(slot, window, latest, self.withdrawal_reached())
    }

    fn withdraw_source(&self) -> Slot {
        let (opens, latest) = (self.at(Stage::SrcWithdrawal), self.withdraw_source_by);
        let settle = self.destination.settle;
        let (earliest, reached) = match self.basis.progress {
            Progress::Paid { at } => {
                // Not sooner: a payment in the destination's last second is confirmed by then, and a reorg
                // of one that is not would leave us with both sides.
                let confirmed = (Exact::from(at) + settle).min(latest);
                let earliest = opens.max(confirmed);
                (earliest, opens.max(self.basis.source_now.into()))
            }
            _ => {
                let paid = self.at(Stage::DstWithdrawal).max(self.destination_settled())
                    + self.destination.typical;
                let reached = if self.basis.destination.is_none() && !self.counts_from_creation() {
                    // Its end is chosen so that a payment in its last second is in time.
                    self.withdrawal_reached() + self.destination.slow
                } else {
                    // The maker may be paid in the last second, by himself or by others.
                    self.at(Stage::DstCancellation) - 1
                };
                (opens.max(paid + settle), opens.max(reached + settle + self.skew))
            }
        };
        let slot = self.limited(TimedAction::WithdrawSource, earliest, latest);
        self.step(slot, Some(self.window(Stage::SrcWithdrawal)), latest, reached)
    }

    /// What others may do with a public secret.
    fn public(&self, action: TimedAction) -> Slot {
        let stage = if action == TimedAction::PublicWithdrawSource {
            Stage::SrcPublicWithdrawal
        } else {
            Stage::DstPublicWithdrawal
        };
        let window = self.window(stage);
        let end = match action.leg() {
            Leg::Source => self.at(Stage::SrcCancellation),
            Leg::Destination => self.at(Stage::DstCancellation),
        };
        let slot = self.limited(action, self.at(stage), end - 1 - self.spans(action).slow);
        Slot { window: Some(window), alarm_at: None, ..slot }
    }

    fn ways_out(&self) -> Vec<Slot> {
        let [source, public, destination] =
            [Stage::SrcCancellation, Stage::SrcPublicCancellation, Stage::DstCancellation]
                .map(|stage| self.at(stage));
        let mut slots = Vec::new();
        let mut refunded = source;
        if !matches!(self.basis.progress, Progress::Paid { .. }) {
            // While our tokens wait there, the maker waits for his.
            let urgent = Some(source - 2 * self.destination.slow);
            slots.push(self.unlimited(TimedAction::CancelDestination, destination, urgent));
            if self.basis.destination.is_some() {
                let Spans { typical, settle, .. } = self.destination;
                refunded = source.max(destination + typical + settle);
            }
            // From the public stage on somebody else may take the deposit.
            let urgent = Some(public - 2 * self.source.slow);
            let slot = self.unlimited(TimedAction::CancelSource, refunded, urgent);
            slots.push(Slot { window: Some(self.window(Stage::SrcCancellation)), ..slot });
            let slot = self.unlimited(TimedAction::PublicCancelSource, public, None);
            slots.push(Slot { alarm_at: None, ..slot });
        }
        let (source_delay, destination_delay) = self.basis.rescue_delay;
        let rescue = self.filled + Exact::from(source_delay);
        slots.push(self.unlimited(TimedAction::RescueSource, rescue, None));
        let rescue = self.created + Exact::from(destination_delay);
        slots.push(self.unlimited(TimedAction::RescueDestination, rescue, None));
        slots
    }
}
