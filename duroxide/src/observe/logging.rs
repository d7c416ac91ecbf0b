//! How a process writes its logs, and how they are set up.

use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::SubscriberBuilder;
use tracing_subscriber::fmt::format::{DefaultFields, Format};

/// The shape of a log line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One JSON object per line, for machines.
    Json,
    /// Several lines per event, for people.
    Pretty,
    /// One line per event.
    #[default]
    Compact,
}

/// What a runtime tells the outside about itself.
#[derive(Debug, Clone)]
pub struct ObservabilityConfig {
    /// The shape of log lines.
    pub log_format: LogFormat,
    /// Level of what orchestrations and activities log: `error`, `warn`, `info`, `debug` or `trace`. `RUST_LOG`, when
    /// set, replaces the whole filter.
    pub log_level: String,
    /// Who is speaking.
    pub service_name: String,
    /// Which version of it.
    pub service_version: Option<String>,
    /// How often gauges that need a query are refreshed.
    pub gauge_poll_interval: Duration,
}

impl Default for ObservabilityConfig {
    /// Pretty logs at `info`, service `duroxide`, gauges once a minute.
    fn default() -> Self {
        ObservabilityConfig {
            log_format: LogFormat::Pretty,
            log_level: "info".to_owned(),
            service_name: "duroxide".to_owned(),
            service_version: None,
            gauge_poll_interval: Duration::from_secs(60),
        }
    }
}

/// The filter in force when `RUST_LOG` is not set: warnings of everyone, and what user code says from `level` up.
pub(super) fn default_directives(level: &str) -> String {
    format!("warn,duroxide::orchestration={level},duroxide::activity={level}")
}

/// Installs a global `tracing` subscriber.
///
/// # Errors
/// When the process already has one, or the level cannot be read.
pub fn init_logging(config: &ObservabilityConfig) -> Result<(), String> {
    let filter = match EnvFilter::try_from_default_env() {
        Ok(filter) => filter,
        Err(_) => EnvFilter::try_new(default_directives(&config.log_level)).map_err(|error| error.to_string())?,
    };
    let lines: SubscriberBuilder<DefaultFields, Format, EnvFilter> = tracing_subscriber::fmt().with_env_filter(filter);
    let installed = match config.log_format {
        LogFormat::Json => lines.json().try_init(),
        LogFormat::Pretty => lines.pretty().try_init(),
        LogFormat::Compact => lines.compact().try_init(),
    };
    installed.map_err(|error| error.to_string())
}
