//! Figures and how they are told.

use serde_json::{Value, json};

/// One run of an import. Times in milliseconds.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// Each block from its payload to its being the head.
    pub(crate) latencies: Vec<f64>,
    /// CPU of the whole process.
    pub(crate) process: f64,
    /// CPU of our threads.
    pub(crate) ours: f64,
    /// Time that the node's threads spent on taking notifications.
    pub(crate) taking: f64,
}

impl Sample {
    pub(crate) fn told(&self) -> Value {
        json!({ "latencies": self.latencies, "process": self.process, "ours": self.ours, "taking": self.taking })
    }

    pub(crate) fn read(told: &Value) -> Self {
        let of = |name: &str| told[name].as_f64().unwrap();
        let latencies = told["latencies"].as_array().unwrap().iter();
        let latencies = latencies.map(|it| it.as_f64().unwrap()).collect();
        Self { latencies, process: of("process"), ours: of("ours"), taking: of("taking") }
    }
}

/// p50, p90, p99 and mean.
pub(crate) fn spread(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let at = |part: f64| values[((values.len() - 1) as f64 * part).round() as usize];
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    format!("p50 {:.2} p90 {:.2} p99 {:.2} mean {mean:.2}", at(0.5), at(0.9), at(0.99))
}
