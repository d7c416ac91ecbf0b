//! What one call of the program measures: `WORKLOAD key=value …`.

use std::time::Duration;

use super::Fault;

/// What a commit of ours survives; the published crate has no choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    /// A power cut.
    Full,
    /// A kill.
    Normal,
}

/// Which options the runtime gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// What a program gets that sets nothing.
    Default,
    /// What suits these workloads best.
    Best,
}

/// One measurement.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    pub(crate) workload: String,
    pub(crate) setting: Setting,
    pub(crate) sync: Sync,
    /// Where the database is; nothing else is in it.
    pub(crate) folder: String,
    /// Where the figures go.
    pub(crate) out: Option<String>,
    /// How many at once.
    pub(crate) in_flight: usize,
    /// How many in all, or how long a chain.
    pub(crate) count: usize,
    /// For how long new ones are begun.
    pub(crate) time: Duration,
    /// Past this a trial that is not done ends with what it has.
    pub(crate) limit: Duration,
    /// Bytes of one payload.
    pub(crate) bytes: usize,
    /// Which part of a workload that takes several processes.
    pub(crate) phase: Option<String>,
}

impl Trial {
    /// Reads the command line.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Fault> {
        let workload = arguments.next().ok_or("which workload? `bench w1 folder=DIR [key=value …]`")?;
        let mut trial = Trial {
            workload,
            setting: Setting::Best,
            sync: Sync::Full,
            folder: ".".to_owned(),
            out: None,
            in_flight: 1,
            count: 100,
            time: Duration::from_secs(2),
            limit: Duration::from_secs(120),
            bytes: 20_000_000,
            phase: None,
        };
        for argument in arguments {
            let (key, value) =
                argument.split_once('=').ok_or_else(|| format!("expected key=value, found {argument}"))?;
            trial.set(key, value).map_err(|fault| format!("{argument}: {fault}"))?;
        }
        Ok(trial)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), Fault> {
        match key {
            "options" => self.setting = setting(value)?,
            "sync" => self.sync = sync(value)?,
            "folder" => value.clone_into(&mut self.folder),
            "out" => self.out = Some(value.to_owned()),
            "in_flight" => self.in_flight = value.parse()?,
            "count" => self.count = value.parse()?,
            "time_ms" => self.time = Duration::from_millis(value.parse()?),
            "limit_ms" => self.limit = Duration::from_millis(value.parse()?),
            "bytes" => self.bytes = value.parse()?,
            "phase" => self.phase = Some(value.to_owned()),
            _ => return Err("unknown key".into()),
        }
        Ok(())
    }

    /// The arguments for another process of this trial.
    pub(crate) fn phase_arguments(&self, phase: &str) -> Vec<String> {
        let options = match self.setting {
            Setting::Default => "default",
            Setting::Best => "best",
        };
        let sync = match self.sync {
            Sync::Full => "full",
            Sync::Normal => "normal",
        };
        vec![
            self.workload.clone(),
            format!("options={options}"),
            format!("sync={sync}"),
            format!("folder={}", self.folder),
            format!("in_flight={}", self.in_flight),
            format!("count={}", self.count),
            format!("time_ms={}", self.time.as_millis()),
            format!("limit_ms={}", self.limit.as_millis()),
            format!("phase={phase}"),
        ]
    }
}

fn setting(value: &str) -> Result<Setting, Fault> {
    match value {
        "default" => Ok(Setting::Default),
        "best" => Ok(Setting::Best),
        _ => Err("expected default or best".into()),
    }
}

fn sync(value: &str) -> Result<Sync, Fault> {
    match value {
        "full" => Ok(Sync::Full),
        "normal" => Ok(Sync::Normal),
        _ => Err("expected full or normal".into()),
    }
}
