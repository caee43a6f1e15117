//! Where counters and times are kept between two looks at `/metrics`.

use crate::metrics;
use ::metrics::SetRecorderError;
use bmn_rpc::MetricKind;
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

/// Bounds of the times' buckets, seconds.
const BUCKETS: [f64; 12] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

/// The process already records elsewhere, or the recorder cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// It has a recorder already.
    #[error("this process has a recorder of its own")]
    Installed,
    /// The exporter refuses our settings.
    #[error("the recorder cannot be made: {0}")]
    Build(#[from] BuildError),
}

impl From<SetRecorderError<PrometheusRecorder>> for RecorderError {
    fn from(_: SetRecorderError<PrometheusRecorder>) -> Self {
        Self::Installed
    }
}

/// What the whole process records into.
#[derive(Debug, Clone)]
pub struct Recorder(PrometheusHandle);

impl Recorder {
    /// Makes one and has the process record into it from now on. Only a program that has no other may do
    /// so: a full node has its own.
    ///
    /// # Errors
    /// [`RecorderError`].
    pub fn install() -> Result<Self, RecorderError> {
        let recorder = fresh()?;
        let handle = recorder.handle();
        ::metrics::set_global_recorder(recorder)?;
        metrics::describe(&metrics::RECORDED);
        metrics::describe(&bmn_rpc::METRICS);
        metrics::describe(&metrics::described_beside());
        for metric in bmn_rpc::METRICS.iter().filter(|it| it.labels.is_empty()) {
            // What has not happened yet is zero, not missing.
            if metric.kind == MetricKind::Gauge {
                ::metrics::gauge!(metric.name).increment(0.0);
            }
        }
        Ok(Self(handle))
    }

    pub(crate) fn render(&self) -> String {
        self.0.render()
    }

    /// Makes buckets of the times that were kept since: without it they grow until the next look.
    pub(crate) fn settle(&self) {
        self.0.run_upkeep();
    }
}

/// An empty one.
pub(crate) fn fresh() -> Result<PrometheusRecorder, BuildError> {
    let times = Matcher::Suffix("_seconds".to_owned());
    Ok(PrometheusBuilder::new().set_buckets_for_metric(times, &BUCKETS)?.build_recorder())
}
