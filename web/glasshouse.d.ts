/** Types of glasshouse.js. Losses are the mean cross-entropy per token in nats; `null` replaces non-finite numbers. */

export type ErrorKind =
  | "invalid" | "refused" | "unknown" | "io" | "storage_full" | "bad_file" | "device" | "device_lost" | "too_large" | "out_of_memory"
  | "internal" | "busy" | "stale" | "cancelled"
  /** The engine's worker panicked, was terminated or stopped responding. */
  | "lost";

export class GlasshouseError extends Error {
  readonly kind: ErrorKind;
  /** The invalid setting, such as `model.heads`. */
  readonly field?: string;
  /** How the engine was lost. */
  readonly cause?: { kind: "panic" | "failed" | "silent"; message: string; stack?: string };
}

export interface Device {
  /** The value of `device` that selects it. */
  request: string;
  name: string;
  kind: "cpu" | "gpu" | "software";
  details: string;
  /** Why it was chosen, or what a better device lacks and how to enable it. */
  why: string;
  /** Bytes; `null` if the device does not report it. */
  memory: number | null;
  /** Largest buffer binding of a kernel, in bytes. */
  binding: number | null;
  /** Largest buffer, in bytes. */
  buffer: number | null;
  timestamps: boolean;
}

export interface Storage {
  /** `this browser`, or `memory` if the browser blocks storage. */
  place: string;
  /** Whether the data outlives the tab. */
  lasting: boolean;
  used: number | null;
  quota: number | null;
}

export interface CreateOptions {
  /** `auto` (a real GPU, else the CPU), `cpu`, `gpu`, or part of an adapter's name. Default `auto`. */
  device?: string;
  /** Name of the project, created if it does not exist. Default `JavaScript`. */
  project?: string;
  /** URL of the folder with worker.js and the engine. Default: the folder of glasshouse.js. */
  base?: string | URL;
  /** Maximum number of cores for training on the CPU, one worker each; short steps use fewer. Default: all cores. */
  threads?: number;
  /** Whether projects are stored in the browser. If false, they exist in memory until the engine closes, and the visitor's projects stay untouched. Default true. */
  keep?: boolean;
}

/** Model and training settings: a preset, a number of layers, or neither for `first-stories`; `config` overrides single fields. */
export interface RunOptions {
  preset?: "first-stories" | "first-stories-small" | "nanogpt-cpu" | "nanogpt-gpu" | "llama-tiny" | "stories-260k" | "stories-15m" | "gpt2-124m"
    | "grokking" | "induction" | "addition" | "parentheses";
  /** Number of layers, which determines width, heads, context length, steps and learning rate. */
  layers?: number;
  /** Settings with the names in `run.toml`: `{ model: { layers: 2 }, train: { batch_size: 8 } }`. */
  config?: Record<string, unknown>;
  /** Optimizer steps. */
  steps?: number;
  /** Sequences per micro-batch. */
  batchSize?: number;
  /** Peak learning rate; the minimum is scaled in proportion. */
  learningRate?: number;
  seed?: number;
  /** Steps between evaluations; 0 for none. */
  evalInterval?: number;
  /** Steps between samples; 0 for none. */
  sampleInterval?: number;
  samplePrompt?: string;
}

export interface Step {
  /** Completed steps, including this one. */
  step: number;
  loss: number | null;
  lr: number;
  gradNorm: number | null;
  tokensPerS: number;
  skipped: boolean;
}

export interface Evaluation {
  step: number;
  trainLoss: number | null;
  valLoss: number | null;
  best: boolean;
  /** Figures of the validation pairs; only in preference runs. */
  preference?: Preferences;
}

/** Depending on the loss, a reward is β times the answer's log-ratio to the reference model or β times its mean token log-probability; for reward models, the score. */
export interface Preferences {
  /** Mean reward of the chosen answers minus that of the rejected ones. */
  margin: number | null;
  /** Share of pairs whose chosen answer has the higher reward. */
  accuracy: number | null;
  chosenReward: number | null;
  rejectedReward: number | null;
  /** Mean log-ratio to the reference model per chosen token, in nats; absent for losses without a reference. */
  logRatio?: number;
}

export interface Sample {
  step: number;
  text: string;
}

/** A finding of the guard (`train.guard`). If `step` is less than `seen`, the run was rolled back to `step`, and earlier events of the steps in between are void. */
export interface Guard {
  step: number;
  /** Completed steps at detection. */
  seen: number;
  /** Estimated step at which the problem began. */
  since: number;
  kind:
    | "loss_spike" | "loss_rise" | "gradient_spike" | "non_finite" | "dead_layer" | "exploding_layer"
    | "exploding_activations" | "silent_part" | "plateau" | "overfitting" | "worse_than_start"
    | "repetition";
  severity: "info" | "warning" | "critical";
  /** The observation, its usual cause and the action taken, in full sentences. */
  text: string;
  action: "note" | "lower" | "skip" | "go_back";
  value?: number;
  /** The limit for `value`. */
  threshold?: number;
  /** The first documents in the step's batch, with their numbers in the training text and their first words. */
  documents?: { number: number; source?: string; words?: string }[];
}

export interface Preparing {
  stage: "reading" | "training" | "encoding" | "reused";
  done: number;
  total: number;
}

export interface FollowOptions {
  onPreparing?: (progress: Preparing) => void;
  onStep?: (step: Step) => void;
  onEval?: (evaluation: Evaluation) => void;
  onSample?: (sample: Sample) => void;
  onGuard?: (seen: Guard) => void;
  /** Aborting stops and saves the run; the promise resolves. */
  signal?: AbortSignal;
}

export interface TrainOptions extends RunOptions, FollowOptions {
  /** Training text. */
  text?: string;
  /** Training files in any supported input format. */
  files?: Iterable<File | { name: string; text: string } | { name: string; bytes: Uint8Array }>;
}

export interface Run {
  name: string;
  state: "created" | "running" | "interrupted" | "stopped" | "stopped_early" | "finished" | "failed" | "imported";
  /** True for models imported only for comparison, which never count as the latest run; otherwise absent. */
  forComparison?: boolean;
  step: number;
  steps: number;
  parameters: number;
  valLoss: number | null;
  bestValLoss: number | null;
  seconds: number;
  created: number;
  device: string;
  error: string | null;
  notes: string;
  shape: string;
  checkpoints: {
    file: string;
    step: number;
    valLoss: number | null;
    best: boolean;
    resumable: boolean;
    bytes: number;
  }[];
  estimatedSeconds: number | null;
}

export interface TrainResult extends Run {
  /** Training loss of the last step; `null` if none was completed. */
  loss: number | null;
  /** Whether all steps are complete; if not, `resume()` continues the run. */
  finished: boolean;
}

export interface GenerateOptions {
  prompt?: string;
  /** A conversation to answer instead of a prompt; requires a model with a chat template. */
  messages?: readonly { role: "system" | "user" | "assistant"; content: string }[];
  /** Default 200. */
  maxTokens?: number;
  /** 0 always picks the most likely token. Default 0.8. */
  temperature?: number;
  /** 0 keeps all tokens. */
  topK?: number;
  /** 1 keeps all tokens. */
  topP?: number;
  /** 0 keeps all tokens. */
  minP?: number;
  /** 1 has no effect. */
  repetitionPenalty?: number;
  seed?: number;
  /** Strings that end generation. */
  stop?: string | string[];
  /** Weight format of matrices. Default: `f16` on GPUs with 16-bit floats, otherwise `f32`. */
  weights?: "f32" | "f16" | "q8_0" | "q4_0";
  /** Moderation of the output: count findings (`note`), drop them (`filter`), mask them (`replace`) or end the text before them (`stop`). Default `off`. */
  moderation?: ModerationMode | Moderation;
  onToken?: (token: { id: number; text: string }) => void;
  /** Aborting resolves the promise with the text so far and the ending `interrupted`. */
  signal?: AbortSignal;
  /** A run's checkpoint instead of the current weights. */
  run?: string;
  /** `best`, `latest` or a file's name. Default `best`, with `run`. */
  checkpoint?: string;
  /** The checkpoint or milestone of this step. */
  step?: number;
}

export type ModerationMode = "off" | "note" | "filter" | "replace" | "stop";

export type ModerationCategory = "profanity" | "insults" | "violence" | "sexual" | "self_harm" | "drugs";

export interface Moderation {
  mode: ModerationMode;
  /** Minimum severity. Default `medium`. */
  severity?: "mild" | "medium" | "severe";
  /** Default: all. */
  categories?: ModerationCategory[];
  /** Whether to apply the project's classifier to each sentence (`glasshouse evaluate moderate --train` trains one). Default false. */
  classifier?: boolean;
}

export interface Generated {
  /** The generated text, without the prompt. */
  text: string;
  ending: "max_tokens" | "end_of_text" | "stop_string" | "interrupted" | "moderated";
  tokensPerSecond: number;
  /** Number of findings by category; `classifier` counts those of the project's classifier. */
  moderated: Partial<Record<ModerationCategory | "classifier", number>>;
}

/** A view of the model, with the same name in commands, URLs and attributes; a test writes the list from the engine's. */
export type View =
  | "attention" | "walk" | "tokens" | "embeddings" | "positions" | "head" | "residual" | "logit-lens" | "next-token" | "weights"
  | "what-if" | "provenance" | "graph"
  /** The change from `reference` to this model. Not in `VIEWS`, because it needs two models. */
  | "diff";

export const VIEWS: readonly View[];

/** An intervention for the view `what-if`; a factor of 0 ablates the part. */
export type Edit =
  | { part: "head"; layer: number; head: number; factor: number }
  | { part: "attention" | "mlp" | "layer"; layer: number; factor: number }
  /** Replaces the residual stream before a layer at a position with that of `otherPrompt`. */
  | { part: "patch"; layer: number; position: number };

export interface InspectOptions {
  /** Excludes `prompts`. */
  prompt?: string;
  /** Several prompts, inspected independently; returns a list in the same order. */
  prompts?: readonly string[];
  views: View | readonly View[];
  /** Index from 0. Default: all layers, or the last one in views of a single layer. */
  layer?: number;
  /** Index from 0. Default 0. */
  head?: number;
  /** Index from 0. Default: the last position. */
  position?: number;
  /** Token id for logit attribution and nearest neighbours. */
  token?: number;
  /** Number of list entries. Default 10. */
  count?: number;
  edits?: readonly Edit[];
  /** With `what-if`: also ablate each head and MLP in turn. */
  everyPart?: boolean;
  otherPrompt?: string;
  /** With `diff`: use the beginning of the project's held-out text instead of the prompt. */
  heldOut?: boolean;
  /** With `weights`: include the run's milestones. */
  alongRun?: boolean;
  /** With `embeddings`: the checkpoint to align the map with. With `diff`: the earlier model. */
  reference?: { run: string; checkpoint?: string };
  /** With `next-token`: sampling settings. */
  temperature?: number;
  topK?: number;
  topP?: number;
  minP?: number;
  repetitionPenalty?: number;
  /** A run's checkpoint instead of the current weights. `checkpoint` or `step` without `run` refers to the latest run. */
  run?: string;
  /** `best`, `latest` or a file's name. Default `best`, with `run`. */
  checkpoint?: string;
  /** The checkpoint or milestone of this step. */
  step?: number;
  /** Aborting rejects with the kind `cancelled`. */
  signal?: AbortSignal;
}

export interface Tensor {
  /** Row-major. */
  data: Float32Array | Uint32Array;
  shape: number[];
  /** Meaning of each axis, such as `["L", "H", "T", "T"]` for layers, heads and positions. */
  axes: string[];
  /** Per axis, the names of its indices: parts, stages, scores, parameters or steps; empty if they have none. */
  labels: string[][];
  /** Scope in the graph, such as `blocks.2.attention`; empty if there is none or more than one. */
  scope: string;
  /** Whether the entries are ids of tokens (or of a classifier's labels), with their texts in the detail `tokens`. */
  tokenIds: boolean;
}

export interface TokenText {
  id: number;
  text: string;
}

/** Non-tensor parts of a view. */
export type Detail =
  | { kind: "tokens"; tokens: TokenText[] }
  | { kind: "parameters"; names: string[]; steps: number[] }
  /** The longest of `found` spans. The tensor `longest` holds, per token, the length of the longest span through it, listed or not. */
  | { kind: "matches"; matches: Match[]; found: number; searched: number; indexBytes: number; buildMs: number }
  /** With `diff`: its figures; texts generated by both models after the same prompt, and which predicts the compared text better. */
  | { kind: "tables"; tables: ReportTable[] }
  | { kind: "samples"; prompt: string; texts: [model: string, text: string][]; verdict: string }
  /** Of the view `walk`: each tensor's name and formula in this model. */
  | { kind: "formulas"; formulas: [tensor: string, formula: string][] }
  | { kind: "graph"; nodes: GraphNode[]; values: GraphValue[]; kernels: [name: string, wgsl: string][] };

/** A span of the prompt that occurs in the training text. */
export interface Match {
  /** Index of its first token; `length` is in tokens. */
  start: number;
  length: number;
  occurrences: number;
  /** Text before the first occurrence, the span itself, and the text after. */
  context: [string, string, string];
  document: [number: number, beginning: string] | null;
  /** Index of the first occurrence's first token in the training text, from 0. */
  place: number;
  /** Up to three later occurrences: the first in each further document. */
  further: { token: number; document: number | null }[];
}

export interface GraphNode {
  scope: string;
  operation: string;
  formula: string;
  inputs: number[];
  outputs: number[];
  kernels: [name: string, launches: number][];
  ms: number | null;
}

export interface GraphValue {
  ty: string;
  name: string;
  /** Minimum, maximum, mean, standard deviation. */
  statistics: [number | null, number | null, number | null, number | null] | null;
  gradient: [number | null, number | null, number | null, number | null] | null;
}

export interface Inspected {
  /** By the names in the files of `glasshouse inspect --to`, such as `log_probabilities`. */
  tensors: Record<string, Tensor>;
  details: Detail[];
  /** The details as tables, except `tokens`, `parameters` and `tables`. */
  tables: ReportTable[];
  notices: string[];
  /** Milliseconds. */
  ms: number;
}

export interface Inspection {
  run: string;
  /** Training steps of the weights. */
  step: number;
  device: string;
  layers: number;
  heads: number;
  /** The full prompt. */
  prompt: string;
  /** The prompt's tokens that fit into the context. */
  tokens: TokenText[];
  /** Number of tokens cut from the beginning of the prompt to fit the context. */
  cut: number;
  /** Characters of the prompts that are missing from the vocabulary and were dropped, each once. */
  charactersLost: string;
  /** The inspected position. */
  position: number;
  /** Milliseconds by which the answer delayed a training run; absent if none was active. */
  heldTrainingMs?: number;
  /** The requested views. */
  views: { [view in View]?: Inspected };
}

/**
 * `<glasshouse-lens src="my.glasshouse" view="attention" prompt="Once">`: a view of a model in a page. Its engine works in memory;
 * elements with the same `src`, `device` and `base` share one. See docs/embedding.md.
 */
export interface GlasshouseLens extends HTMLElement {
  /** An engine of the page, which replaces the attribute `src`. */
  lab: Glasshouse | null;
  /** The displayed result. */
  readonly inspection: Inspection | null;
  /** Updates the view, for example after training. Resolves after drawing, or after the event `glasshouse-error`. */
  refresh(): Promise<void>;
}

declare global {
  interface HTMLElementTagNameMap {
    "glasshouse-lens": GlasshouseLens;
  }
  interface HTMLElementEventMap {
    /** Fired after drawing, with the result. */
    "glasshouse-numbers": CustomEvent<Inspection>;
    "glasshouse-error": CustomEvent<Error>;
  }
}

/** A file of rows with reference answers: a File, or a name with a text or bytes. */
export type TaskFile = (File | { name: string; text: string } | { name: string; bytes: Uint8Array }) & {
  /** A published task, such as `lambada_openai`, or a description in lm-eval's YAML. Default: recognised from the rows. */
  task?: string;
  /** Names of metrics as in docs/evaluation.md, `rouge:stemmer`, `rule:regex=^[A-Z]`. Default: by kind of row. */
  metrics?: string[];
  /** Maximum number of rows. */
  rows?: number;
  /** Maximum number of tokens per answer. */
  maxTokens?: number;
};

export interface EvaluateOptions {
  /** Loss and related figures on the held-out text. Default true. */
  likelihood?: boolean;
  /** N-gram and compressor baselines on the same text. Default true. */
  baselines?: boolean;
  /** The run whose held-out text is used. Default: the model's own run. */
  textOf?: string;
  /** Maximum number of documents, spread over the split. */
  documents?: number;
  /** Stride of the sliding window in tokens. Default: half the context length. */
  stride?: number;
  tasks?: readonly TaskFile[];
  /** Whether to add the built-in instruction tasks. Default false. */
  suite?: boolean;
  /** Rows per task family. Default 100. */
  suiteRows?: number;
  /** Bootstrap resamples per interval, at most 1,000,000. Default 10,000. */
  resamples?: number;
  seed?: number;
  /** Whether to save the result with the run. Default true. */
  keep?: boolean;
  onProgress?(progress: { what: string; done: number; total: number }): void;
  signal?: AbortSignal;
  /** A run's checkpoint instead of the current weights, as for `inspect`. */
  run?: string;
  checkpoint?: string;
  step?: number;
}

/** A number with its uncertainty. */
export interface Metric {
  name: string;
  /** Null if there was nothing to measure. */
  value: number | null;
  /** 95 % confidence interval. */
  interval?: [number, number];
  better: "higher" | "lower" | "neither";
  count: number;
  of: string;
  signature?: string;
}

/** Overlap with the training text in n-grams of `n` words. */
export interface Contamination {
  n: number;
  lookedUp: number;
  found: number;
  /** Share of all n-grams that occur in the training text. */
  share: number;
  /** The most contaminated texts: beginning and share of n-grams. */
  worst: [text: string, share: number][];
  about: string;
}

export interface TaskReport {
  /** Name of the file or of the task family. */
  name: string;
  /** The suite of the task family; absent for files. */
  suite?: string;
  kind: "generate" | "choose" | "classify" | "tag" | "continue";
  rows: number;
  keptFrom?: number;
  about: string[];
  /** Skipped lines, each with the reason. */
  broken: [line: number, reason: string][];
  metrics: Metric[];
  tables: ReportTable[];
  /** Classification reports in the format of scikit-learn and seqeval, each with its table's title. */
  reports?: [title: string, text: string][];
  answers: { line: number; prompt: string; answer: string; expected: string[]; scores: (number | null)[]; group: string | null }[];
  /** Overlap of the rows with the training text; null if unknown. */
  contamination: Contamination | null;
  /** Results of simple baselines and of external models on the same rows. */
  beside: { name: string; about: string; metrics: Metric[]; differences: Metric[]; broken: [number, string][] }[];
}

/** The output of `glasshouse evaluate --json`, with names such as `bitsPerByte`. */
export interface ModelEvaluation {
  run: string;
  checkpoint: string;
  step: number;
  weightsCrc32c: number;
  /** Seconds since 1970. */
  made: number;
  device: string;
  seconds: number;
  model: Record<string, unknown>;
  /**
   * `tokensPerS`, tokens per second, is null if a run trained at the same time. `keptFrom`, also of baselines and tasks, is the time of
   * measurement (seconds since 1970) of figures taken over from an earlier evaluation.
   */
  likelihood: ({ metrics: Metric[]; documents: number; tokens: number; bytes: number; tokensPerS: number | null; keptFrom?: number } & Record<string, unknown>) | null;
  baselines: ({ name: string; about: string; bitsPerByte: Metric; perplexity: number | null; difference: Metric | null; keptFrom?: number })[];
  /** Overlap of the evaluated text with the training text; null if unknown. */
  contamination: Contamination | null;
  tasks: TaskReport[];
  limits: string[];
  /** Milliseconds by which the evaluation delayed a training run; absent if none was active. */
  heldTrainingMs?: number;
}

/** Paired comparison of two models on the same data; `difference` is the first minus the second. */
export interface Comparison {
  first: string;
  second: string;
  what: string;
  firstValue: number;
  secondValue: number;
  difference: Metric;
  /** The result in words; the numbers are in `difference`. */
  verdict: string;
}

export interface Plan {
  parameters: number;
  parametersByPart: Record<string, number>;
  bytes: number;
  bytesByKind: Record<string, number>;
  largestBinding: number;
  /** Excluding weights, gradients and moments. */
  largestBuffer: number;
  /** Peak bytes of simultaneously live values. */
  peakLive: number;
  dispatchesPerStep: number;
  flopsPerToken: number;
  flopsPerTokenByPass: { forward: number; backward: number; recomputed: number; optimizer: number };
  tokensPerStep: number;
  fits: boolean | null;
  runSeconds: number | null;
  /** Warnings about disproportionate run, model and text sizes, one sentence each; absent if there are none. */
  proportions?: string[];
  [more: string]: unknown;
}

export interface AuditOptions {
  /** Default: all. */
  sections?: readonly ("bias" | "moderation" | "memorisation" | "canaries" | "personal")[];
  /** Number of sampled texts and of tested passages. Default 200. */
  samples?: number;
  /** Additional sentence pairs: a file in the format of docs/audit.md, or its text. */
  pairs?: string | Blob;
  /** Seed of all sampling. Default 0. */
  seed?: number;
  /** Whether to save the result with the run. Default true. */
  keep?: boolean;
  /** A run's checkpoint, by name or step, instead of the current weights. */
  run?: string;
  checkpoint?: string;
  step?: number;
  onProgress?: (progress: { what: string; done: number; total: number }) => void;
  signal?: AbortSignal;
}

export interface ReportTable {
  title: string;
  about?: string;
  columns: string[];
  rows: (number | string | Metric | { prompt: string; token: string })[][];
}

export interface AuditSection {
  name: string;
  title: string;
  /** Description of the sample size. */
  sample: string;
  metrics: Metric[];
  tables: ReportTable[];
  /** Limitations. */
  limits: string[];
  /** The reason if the section was skipped. */
  skipped: string | null;
}

export interface Audit {
  run: string;
  checkpoint: string;
  step: number;
  weightsCrc32c: number;
  /** Seconds since 1970. */
  made: number;
  device: string;
  seconds: number;
  sections: AuditSection[];
}

export class Glasshouse {
  private constructor();
  /** Starts an engine in a worker. */
  static create(options?: CreateOptions): Promise<Glasshouse>;
  readonly device: Device;
  readonly storage: Storage;
  devices(): Promise<Device[]>;
  chooseDevice(device: string): Promise<Device>;
  plan(options?: RunOptions): Promise<Plan>;
  /** Trains a new run. A second call before it ends is rejected with the kind `busy`. */
  train(options?: TrainOptions): Promise<TrainResult>;
  pause(): Promise<void>;
  /** Continues after `pause()`. If nothing trains, resumes the named or latest run and resolves when it ends. */
  resume(options?: FollowOptions & { run?: string }): Promise<TrainResult | undefined>;
  /** Stops the run, or its preparation. Resolves when the run is saved. */
  abort(): Promise<void>;
  generate(options?: GenerateOptions): Promise<Generated>;
  /** Inspects the model on a prompt, also during training. */
  inspect(options: InspectOptions & { prompts: readonly string[]; prompt?: undefined }): Promise<Inspection[]>;
  inspect(options: InspectOptions & { prompt: string; prompts?: undefined }): Promise<Inspection>;
  /**
   * Audits the model for bias, harmful text, memorised text, canaries and personal data. An abort rejects with the kind `cancelled`.
   * During training, the audit alternates with training steps.
   */
  audit(options?: AuditOptions): Promise<Audit>;
  /**
   * Evaluates the model on held-out text and on tasks. An abort rejects with the kind `cancelled`. During training, the evaluation
   * alternates with training steps.
   */
  evaluate(options?: EvaluateOptions): Promise<ModelEvaluation>;
  /** Saved evaluations and audits, and pairwise comparisons of the runs. Default: all runs. */
  evaluations(runs?: readonly string[]): Promise<{ evaluations: ModelEvaluation[]; audits: Audit[]; comparisons: Comparison[] }>;
  /** The card of an evaluated run as an HTML page. Default: the latest evaluated run. */
  card(run?: string): Promise<string>;
  runs(): Promise<Run[]>;
  /** The project as a `.glasshouse` file, which the desktop program also opens. */
  save(): Promise<Uint8Array>;
  load(source: Blob | Uint8Array | ArrayBuffer | string | URL): Promise<{ name: string; runs: Run[] }>;
  /** The output of `glasshouse bench step --json`, or with `timed: "decode"` or `"inspect"` that of `glasshouse bench decode --json` or `bench inspect --json`. */
  bench(
    options?: RunOptions & {
      repeats?: number;
      timed?: "step" | "decode" | "inspect";
      /** With `timed: "decode"`: storage format of the matrices. */
      weights?: "f32" | "f16" | "q8_0" | "q4_0";
      /** With `timed: "inspect"`: these views only. */
      views?: View | readonly View[];
    },
  ): Promise<Record<string, unknown>>;
  close(): Promise<void>;
}
