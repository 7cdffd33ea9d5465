//! The interface between the engine and its front ends: plain, serialisable data only.
//!
//! A front end sends [`Command`]s and receives [`Event`]s; [`message`] defines their envelopes.
//!
//! A run is described by a [`RunConfig`], saved as TOML in the project folder. Each front end (command line, window, browser page)
//! builds one, [`RunConfig::validate`] reports what is wrong with it, and the engine does the rest.

mod ablation;
pub mod answer;
pub mod bench;
pub mod blocks;
mod chat;
pub mod cleaning;
pub mod cluster;
pub mod command;
pub mod completion;
mod compression;
pub mod config;
mod conversation;
pub mod device;
pub mod drafts;
pub mod energy;
pub mod evaluation;
pub mod event;
pub mod features;
mod feedback;
pub mod file_kind;
mod guard;
mod guard_kind;
mod hint;
mod hub;
pub mod influence;
pub mod inspect;
pub mod json;
mod lessons;
pub mod message;
pub mod model;
pub mod names;
pub mod order;
pub mod presets;
mod proposal;
pub mod quantity;
pub mod random;
mod range_test;
pub mod recipes;
mod scaling;
pub mod setting;
mod source;
pub mod summary;
mod sweep;
pub mod train_event;
mod typed;
mod verification;
mod weight_format;

pub use ablation::{Ablate, AblatedText, Ablation, RAW, RuleEffect, TextVersion, WHOLE};
pub use bench::BenchReport;
pub use chat::{
    CHATML, CHATML_TOKENS, ChatEnding, ChatExample, ChatMessage, ChatRendering, Role, TEMPLATE_REFUSES,
};
pub use command::{
    AUDITING, Bench, Command, DocumentsChange, EVALUATING, Export, ExportFormat, Fit, LINK_ENDING,
    LearnsFrom, ProjectChange, RecipeChange, RunChange, RunLaunch, Steer, VERIFIED_STEPS, VocabularyOrder,
};
pub use completion::{Completion, CompletionSettings, CompletionToken, Ending, LikelyToken, Output, Prompt};
pub use compression::{
    Compressed, Compression, ModelPart, PruneScore, PruneSettings, PrunedMatrix, RemoveSettings,
    SparsityPattern, frontier,
};
pub use config::{
    Adapter, AdapterKind, AdapterTarget, Category, ChatSettings, DataConfig, Decay, DistilSettings,
    END_OF_TEXT, EarlyStopping, GenerateConfig, Grammar, GuardAction, GuardMode, GuardSettings,
    MAX_MILESTONES, Milestones, Moderated, Moderation, ModerationMode, Objective, OptimizerKind,
    PreTokenizerKind, Precision, RunConfig, Severity, Start, Synthetic, TokenizerConfig, TokenizerKind,
    TrainConfig, Trainable,
};
pub use conversation::{Conversation, ConversationChange, ConversationSummary, KeptMessage, ReplyOrigin};
pub use device::{DeviceDescription, DeviceKind};
pub use drafts::{DraftOf, Drafts, SearchDraft};
pub use energy::{EnergySettings, EnergyUse, MeteredEnergy};
pub use evaluation::{Audit, AuditSettings, Comparison, EvaluateSettings, Evaluation};
pub use event::{
    Event, Forecast, ImportStep, OpenedProject, PreparationStage, Preview, ProfileMethod, TrainingState,
};
pub use feedback::{Feedback, FeedbackKind};
pub use guard::{GuardDocument, GuardReport, GuardSeverity, Intervention};
pub use guard_kind::GuardKind;
pub use hint::Hint;
pub use hub::HubAddress;
pub use inspect::{InspectSettings, Inspection, View};
pub use lessons::{LessonFile, LessonMeasurement, LessonProgress};
pub use message::{Envelope, Report, Request};
pub use model::{
    Activation, Bias, Gate, Initialisation, Mlp, ModelConfig, NormConfig, NormKind, NormPlacement, Position,
    Residual, Rope, RopeScaling,
};

pub use proposal::{Proposal, ProposalSettings, Uncertainty, likeliest};

pub use range_test::{NoiseScale, RangeCurve, RangePoint, RangeTest};
pub use scaling::{Ladder, LadderPoint, LadderSize, Law, LawOf, MIN_SIZES, Prediction, Scaling};
pub use source::{CheckpointChoice, ModelSource, WeightSource};
pub use summary::{
    Candidate, CheckpointSummary, CorpusSummary, Cut, DeviceSummary, DeviceType, DocumentSummary,
    DocumentsOverview, ErrorKind, ErrorReport, FetchProgress, FileProblem, FoundModel, HeldOut,
    MIN_HELD_OUT_TOKENS, MemoryKind, MergeStep, OpenedRun, PassFlops, PlanSummary, ProfileEntry,
    ProjectSummary, RowFile, RunState, RunSummary, SpeedFrom, StorageSummary, TextSummary, TokenSummary,
    TokenizerSummary, ValidationLoss, VocabularyEntry, WrittenToken,
};
pub use sweep::{MIN_IMPORTANCE_RUNS, SWEPT, Stop, StopRule, Sweep, SweepRow, SweepState, SweepSummary};
pub use train_event::{PreferenceMetrics, RewardMetrics, TrainEvent};
pub use verification::{LogitDifference, SecondReader, Verification, VerifiedText};
pub use weight_format::{FloatFormat, WeightFormat};

/// An invalid setting: the field, its value and the rule it breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Dotted path, as in the run's TOML file: `model.heads`.
    pub field: String,
    pub value: String,
    /// The broken rule, as a phrase that follows "must": `divide by model.kv_heads (4)`.
    pub rule: String,
    pub hint: Option<Hint>,
}

impl Invalid {
    pub fn new(field: impl Into<String>, value: impl std::fmt::Display, rule: impl Into<String>) -> Self {
        Self { field: field.into(), value: value.to_string(), rule: rule.into(), hint: None }
    }

    #[must_use]
    pub fn hint(self, hint: Hint) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} = {} must {}", self.field, self.value, self.rule)
    }
}

impl std::error::Error for Invalid {}

/// For `skip_serializing_if`.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Checks rules of the settings in order, as [`require`]; returns the first broken one.
macro_rules! rules {
    ($($holds:expr => $field:expr, $value:expr, $rule:expr;)*) => { $($crate::require($holds, $field, $value, $rule)?;)* };
}
pub(crate) use rules;

/// Conversions into a type.
macro_rules! conversions {
    ($into:ty: $($from:ty: |$value:ident| $made:expr;)*) => { $(
        impl From<$from> for $into {
            fn from($value: $from) -> Self {
                $made
            }
        }
    )* };
}
pub(crate) use conversions;

/// Checks one rule of the settings; `rule` is a phrase that follows "must".
pub(crate) fn require(
    holds: bool,
    field: &str,
    value: impl std::fmt::Display,
    rule: impl Into<String>,
) -> Result<(), Invalid> {
    if holds { Ok(()) } else { Err(Invalid::new(field, value, rule)) }
}
