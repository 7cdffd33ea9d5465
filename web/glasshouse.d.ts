/** Types of glasshouse.js. Losses are mean natural-log cross-entropies per token; `null` where a number was not finite. */

export type ErrorKind =
  | "invalid" | "refused" | "unknown" | "io" | "storage_full" | "bad_file" | "device" | "device_lost" | "too_large" | "out_of_memory"
  | "internal" | "busy" | "cancelled"
  /** The engine itself is gone: its worker panicked, was ended, or answers no more. */
  | "lost";

export class GlasshouseError extends Error {
  readonly kind: ErrorKind;
  /** The setting that breaks a rule, as `model.heads`. */
  readonly field?: string;
}

export interface Device {
  /** What to pass as `device` to get it. */
  request: string;
  name: string;
  kind: "cpu" | "gpu" | "software";
  details: string;
  /** Why it was chosen, or what is missing for a better one and how to turn it on. */
  why: string;
  /** Bytes; `null` where the device does not tell. */
  memory: number | null;
  /** Bytes of a buffer that a kernel sees at once. */
  binding: number | null;
  /** Bytes of the largest buffer. */
  buffer: number | null;
  timestamps: boolean;
}

export interface Storage {
  /** `this browser`, or `memory` where the browser blocks storage. */
  place: string;
  /** What is kept outlives the tab. */
  lasting: boolean;
  used: number | null;
  quota: number | null;
}

export interface CreateOptions {
  /** `auto` (a real GPU, else the CPU), `cpu`, `gpu`, or part of an adapter's name. Default `auto`. */
  device?: string;
  /** What the project of the runs is called; opened where it exists. Default `JavaScript`. */
  project?: string;
  /** Where worker.js and the engine lie. Default: beside glasshouse.js. */
  base?: string | URL;
  /** Cores that training on the CPU may take, a worker each; a short step takes fewer. Default: all there are. */
  threads?: number;
  /** False: projects live in memory, as long as this engine, and touch nothing that the visitor keeps. Default true. */
  keep?: boolean;
}

/** Which model, and how it is trained: a preset, a number of layers, or neither for the first stories; `config` overrides single fields. */
export interface RunOptions {
  preset?: "first-stories" | "first-stories-small" | "nanogpt-cpu" | "nanogpt-gpu" | "llama-tiny" | "stories-260k" | "stories-15m" | "gpt2-124m";
  /** A number of layers, from which width, heads, context length, steps and learning rate follow. */
  layers?: number;
  /** Fields of a run's settings, as `run.toml` has them: `{ model: { layers: 2 }, train: { batch_size: 8 } }`. */
  config?: Record<string, unknown>;
  /** Optimizer steps. */
  steps?: number;
  /** Windows of text in a micro-batch. */
  batchSize?: number;
  /** Peak learning rate; the minimum keeps its proportion to it. */
  learningRate?: number;
  seed?: number;
  /** Steps between evaluations; 0 for none. */
  evalInterval?: number;
  /** Steps between samples; 0 for none. */
  sampleInterval?: number;
  samplePrompt?: string;
}

export interface Step {
  /** Steps done, this one included. */
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
  /** What the pairs of the validation split come to, in a run of preferences. */
  preference?: Preferences;
}

/** A reward is β times an answer's log-ratio to the reference, or β times its tokens' mean log-probability; to a reward model, its score. */
export interface Preferences {
  /** Mean reward of the chosen answers less that of the rejected ones. */
  margin: number | null;
  /** Share of pairs whose chosen answer has the higher reward. */
  accuracy: number | null;
  chosenReward: number | null;
  rejectedReward: number | null;
  /** Mean log-ratio to the reference, per chosen token, in nats; absent where the loss has no reference. */
  logRatio?: number;
}

export interface Sample {
  step: number;
  text: string;
}

/** Something that the guard saw (`train.guard`). Where `step` is less than `seen`, the run went back to it, and what was told of the steps between is void. */
export interface Guard {
  step: number;
  /** Steps done when it was seen. */
  seen: number;
  /** The step that it began at, as far as that can be told. */
  since: number;
  kind:
    | "loss_spike" | "loss_rise" | "gradient_spike" | "non_finite" | "dead_layer" | "exploding_layer"
    | "exploding_activations" | "silent_part" | "plateau" | "overfitting" | "worse_than_start"
    | "repetition";
  severity: "info" | "warning" | "critical";
  /** What was seen, what it usually means, and what was done, in plain sentences. */
  text: string;
  action: "note" | "lower" | "skip" | "go_back";
  value?: number;
  /** What `value` was compared with. */
  threshold?: number;
  /** The first documents that the step's batch was cut from, by their numbers in the training text, with words of their beginning. */
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
  /** Raised: the run is stopped and saved, and the promise resolves. */
  signal?: AbortSignal;
}

export interface TrainOptions extends RunOptions, FollowOptions {
  /** The text to learn. */
  text?: string;
  /** Files to learn, of every kind that the data bench reads. */
  files?: Iterable<File | { name: string; text: string } | { name: string; bytes: Uint8Array }>;
}

export interface Run {
  name: string;
  state: "created" | "running" | "interrupted" | "stopped" | "stopped_early" | "finished" | "failed" | "imported";
  /** It was imported to compare others with, and is never the latest run. Absent of every other. */
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
  /** The last step's training loss; `null` where no step was done. */
  loss: number | null;
  /** All steps are done; else the run was stopped and `resume()` continues it. */
  finished: boolean;
}

export interface GenerateOptions {
  prompt?: string;
  /** A conversation to answer, in place of a prompt; the model needs a chat template. */
  messages?: readonly { role: "system" | "user" | "assistant"; content: string }[];
  /** Default 200. */
  maxTokens?: number;
  /** 0 takes the likeliest token always. Default 0.8. */
  temperature?: number;
  /** 0 keeps all. */
  topK?: number;
  /** 1 keeps all. */
  topP?: number;
  /** 0 drops none. */
  minP?: number;
  /** 1 is off. */
  repetitionPenalty?: number;
  seed?: number;
  /** Texts that end the writing. */
  stop?: string | string[];
  /** Storage format of matrices. Default: `f16` on GPUs with 16-bit floats, `f32` elsewhere. */
  weights?: "f32" | "f16" | "q8_0" | "q4_0";
  /** What is done about words that many do not want to read: counted, left out, hidden, or the text ends before them. Default `off`. */
  moderation?: ModerationMode | Moderation;
  onToken?: (token: { id: number; text: string }) => void;
  /** Raised: the promise resolves with what was written so far, `ending` being `interrupted`. */
  signal?: AbortSignal;
  /** A run's checkpoint instead of the weights as they are now. */
  run?: string;
  /** `best`, `latest` or a file's name. Default `best`, with `run`. */
  checkpoint?: string;
  /** The checkpoint or milestone of this step. */
  step?: number;
}

export type ModerationMode = "off" | "note" | "filter" | "replace" | "stop";

export type ModerationCategory = "profanity" | "insults" | "violence" | "sexual" | "self_harm" | "drugs" | "other";

export interface Moderation {
  mode: ModerationMode;
  /** The mildest that counts. Default `medium`. */
  severity?: "mild" | "medium" | "severe";
  /** Those that count. Default all. */
  categories?: ModerationCategory[];
  /** Rules beside the program's, JSON Lines as docs/moderation.md has them; those of the project unless they are given. */
  rules?: string;
  /** Sentences that the project's classifier finds harmful count, too (`glasshouse moderate --train` makes one). Default false. */
  classifier?: boolean;
}

export interface Generated {
  /** What was written, without the prompt. */
  text: string;
  ending: "max_tokens" | "end_of_text" | "stop_string" | "interrupted" | "moderated";
  tokensPerSecond: number;
  /** How often moderation found something of each category; under `classifier`, what the project's classifier found. */
  moderated: Partial<Record<ModerationCategory | "classifier", number>>;
}

/** What can be looked at, by its name: the same in commands, addresses and attributes. */
export type View =
  | "walk" | "tokens" | "embeddings" | "positions" | "attention" | "head" | "residual" | "neurons" | "logit-lens" | "next-token"
  | "weights" | "what-if" | "provenance" | "graph"
  /** What changed from `reference` to this model; not in `VIEWS`, as it needs both. */
  | "diff";

export const VIEWS: readonly View[];

/** A change to a model at work, for the view `what-if`; a factor of 0 switches a part off. */
export type Edit =
  | { part: "head"; layer: number; head: number; factor: number }
  | { part: "attention" | "mlp" | "layer"; layer: number; factor: number }
  /** The residual stream before a layer at a position is that of `otherPrompt`. */
  | { part: "patch"; layer: number; position: number };

export interface InspectOptions {
  /** Either this, or `prompts`. */
  prompt?: string;
  /** Several, each looked at by itself; the answer is a list in their order. */
  prompts?: readonly string[];
  views: View | readonly View[];
  /** From 0. Default: all where a view has all, else the last. */
  layer?: number;
  /** From 0. Default 0. */
  head?: number;
  /** From 0. Default: the last. */
  position?: number;
  /** The id of the token whose logit is attributed and whose neighbours are found. */
  token?: number;
  /** With `neurons`: the one whose passages are looked for in the validation text. */
  neuron?: number;
  /** How many are listed. Default 10. */
  count?: number;
  edits?: readonly Edit[];
  /** With `what-if`: also each head and MLP switched off by itself. */
  everyPart?: boolean;
  otherPrompt?: string;
  /** With `diff`: the beginning of the project's held-out text in place of the prompt. */
  heldOut?: boolean;
  /** With `weights`: also the run's milestones. */
  alongRun?: boolean;
  /** With `embeddings`: the checkpoint whose map this one is aligned with. With `diff`: the earlier model. */
  reference?: { run: string; checkpoint?: string };
  /** With `next-token`: how it would be drawn. */
  temperature?: number;
  topK?: number;
  topP?: number;
  minP?: number;
  repetitionPenalty?: number;
  /** A run's checkpoint instead of the weights as they are now; of the latest run, where `checkpoint` or `step` is given alone. */
  run?: string;
  /** `best`, `latest` or a file's name. Default `best`, with `run`. */
  checkpoint?: string;
  /** The checkpoint or milestone of this step. */
  step?: number;
}

export interface Tensor {
  /** Row-major, the last axis fastest. */
  data: Float32Array | Uint32Array;
  shape: number[];
  /** What each axis counts: `["L", "H", "T", "T"]`, of layers, heads, positions. */
  axes: string[];
  /** The graph's path that it belongs to, `blocks.2.attention`; empty where it belongs to none or several. */
  scope: string;
}

export interface TokenText {
  id: number;
  text: string;
}

/** What of a view is no tensor. */
export type Detail =
  | { kind: "tokens"; tokens: TokenText[] }
  | { kind: "parameters"; names: string[]; steps: number[] }
  | { kind: "passages"; passages: { tokens: TokenText[]; activations: (number | null)[]; peak: number }[]; searched: number }
  /** The longest spans, of `found`; the tensor `longest` has of each token the length of its longest one, listed or not. */
  | { kind: "matches"; matches: Match[]; found: number; searched: number; indexBytes: number; buildMs: number }
  /** With `diff`: its figures, and texts of the earlier model and of this one after the same prompt. */
  | { kind: "tables"; tables: ReportTable[] }
  | { kind: "samples"; prompt: string; texts: [model: string, text: string][] }
  /** Of the walk: each tensor's name, and how this model computes it. */
  | { kind: "formulas"; formulas: [tensor: string, formula: string][] }
  | { kind: "graph"; nodes: GraphNode[]; values: GraphValue[]; kernels: [name: string, wgsl: string][] };

/** A span of the prompt that stands in the training text. */
export interface Match {
  /** Its first token, and how many there are. */
  start: number;
  length: number;
  occurrences: number;
  /** What stands before it at its first occurrence, the span itself, what comes after. */
  context: [string, string, string];
  document: [number: number, beginning: string] | null;
  /** The number of its first token in the training text, from 0, at its first occurrence. */
  place: number;
  /** Up to three occurrences behind it, the first of each further document. */
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
  /** Smallest, largest, mean, standard deviation. */
  statistics: [number | null, number | null, number | null, number | null] | null;
  gradient: [number | null, number | null, number | null, number | null] | null;
}

export interface Inspected {
  /** By name, as in the files that `glasshouse inspect --to` writes: `log_probabilities`. */
  tensors: Record<string, Tensor>;
  details: Detail[];
  notices: string[];
  /** Milliseconds that it took. */
  ms: number;
}

export interface Inspection {
  run: string;
  /** Steps that the weights were trained for. */
  step: number;
  device: string;
  layers: number;
  heads: number;
  /** The prompt, as it was given. */
  prompt: string;
  /** The prompt's tokens, as many as the context holds. */
  tokens: TokenText[];
  /** Tokens at the prompt's beginning that the context has no room for. */
  cut: number;
  /** Characters of the prompt, or of all prompts, that the vocabulary lacks, each once: they are left out. */
  charactersLost: string;
  /** The position that was looked at. */
  position: number;
  /** Milliseconds that a run in training waited for the answer; absent where none trained. */
  heldTrainingMs?: number;
  /** Those that were asked for. */
  views: { [view in View]?: Inspected };
}

/**
 * `<glasshouse-lens src="my.glasshouse" view="attention" prompt="Once">`: a view of a model in a page. Its engine keeps nothing; elements
 * of the same `src`, `device` and `base` share one. docs/embedding.md says more.
 */
export interface GlasshouseLens extends HTMLElement {
  /** Draws with a lab of the page's own, in place of the attribute `src`. */
  lab: Glasshouse | null;
  /** What is drawn, or null. */
  readonly inspection: Inspection | null;
  /** Asks again, as after training; resolves when it is drawn, or the event `glasshouse-error` has said why not. */
  refresh(): Promise<void>;
}

declare global {
  interface HTMLElementTagNameMap {
    "glasshouse-lens": GlasshouseLens;
  }
  interface HTMLElementEventMap {
    /** Something was drawn: its numbers. */
    "glasshouse-numbers": CustomEvent<Inspection>;
    "glasshouse-error": CustomEvent<Error>;
  }
}

/** A file of rows whose right answers are known: a File, or a name with a text or bytes. */
export type TaskFile = (File | { name: string; text: string } | { name: string; bytes: Uint8Array }) & {
  /** A published task, such as `lambada_openai`, or a description in lm-eval's YAML; recognised by the rows unless given. */
  task?: string;
  /** `exact_match`, `f1`, `bleu`, `chrf`, `rouge`, `rouge:stemmer`, `rule`, `rule:regex=^[A-Z]`; of choices `acc`; of labels `acc`, `classification_report`; of tags `entities`, `acc`. */
  metrics?: string[];
  /** Rows at most. */
  rows?: number;
  /** Tokens of an answer at most. */
  maxTokens?: number;
};

export interface EvaluateOptions {
  /** How well the held-out text is predicted. Default true. */
  likelihood?: boolean;
  /** N-grams and compressors on the same text. Default true. */
  baselines?: boolean;
  /** The run whose held-out text it is; the model's own unless said. */
  textOf?: string;
  /** Documents at most, spread over the split. */
  documents?: number;
  /** Tokens by which windows follow one another. Default half the context length. */
  stride?: number;
  tasks?: readonly TaskFile[];
  /** Every family of the project's own instruction tasks as well. Default false. */
  suite?: boolean;
  /** Rows of each family. Default 100. */
  suiteRows?: number;
  /** Resamples of each interval's bootstrap, at most 1,000,000. Default 10,000. */
  resamples?: number;
  seed?: number;
  /** Keep what is found with the run. Default true. */
  keep?: boolean;
  onProgress?(progress: { what: string; done: number; total: number }): void;
  signal?: AbortSignal;
  /** A run's checkpoint instead of the weights as they are now, as for `inspect`. */
  run?: string;
  checkpoint?: string;
  step?: number;
}

/** A number with its uncertainty. */
export interface Metric {
  name: string;
  /** Null where there was nothing to measure. */
  value: number | null;
  /** The interval that holds it in 95 of 100 samples. */
  interval?: [number, number];
  better: "higher" | "lower" | "neither";
  count: number;
  of: string;
  signature?: string;
}

/** Texts that share runs of `n` words with the training text. */
export interface Contamination {
  n: number;
  lookedUp: number;
  found: number;
  /** The share of all their runs. */
  share: number;
  /** The most contaminated: how the text begins, and the share of its runs. */
  worst: [text: string, share: number][];
  about: string;
}

export interface TaskReport {
  /** The file's name, or the family of tasks. */
  name: string;
  /** The suite that it is a family of; absent of a file of one's own. */
  suite?: string;
  kind: "generate" | "choose" | "classify" | "tag" | "continue";
  rows: number;
  keptFrom?: number;
  about: string[];
  /** Lines that could not be asked, and why. */
  broken: [line: number, reason: string][];
  metrics: Metric[];
  tables: ReportTable[];
  /** Classification reports as scikit-learn and seqeval print them, each with its table's title. */
  reports?: [title: string, text: string][];
  answers: { line: number; prompt: string; answer: string; expected: string[]; scores: (number | null)[]; group: string | null }[];
  /** How much of the rows stands in the training text; null where that is not known. */
  contamination: Contamination | null;
  /** What simple rules, and models that do not run here, make of the same rows. */
  beside: { name: string; about: string; metrics: Metric[]; differences: Metric[]; broken: [number, string][] }[];
}

/** As `glasshouse evaluate --json` prints it, by names such as `bitsPerByte`. */
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
   * `tokensPerS`, tokens per second, is null where a run trained meanwhile. `keptFrom` here, of baselines and of tasks: when it was found, in
   * seconds since 1970, where an evaluation after that kept it.
   */
  likelihood: ({ metrics: Metric[]; documents: number; tokens: number; bytes: number; tokensPerS: number | null; keptFrom?: number } & Record<string, unknown>) | null;
  baselines: ({ name: string; about: string; bitsPerByte: Metric; perplexity: number | null; difference: Metric | null; keptFrom?: number })[];
  /** How much of the evaluated text stands in the training text; null where that is not known. */
  contamination: Contamination | null;
  tasks: TaskReport[];
  limits: string[];
  /** Milliseconds that a run in training waited for it; absent where none trained. */
  heldTrainingMs?: number;
}

/** Two models on the same things; `difference` is the first less the second, paired. */
export interface Comparison {
  first: string;
  second: string;
  what: string;
  firstValue: number;
  secondValue: number;
  difference: Metric;
  /** Words alone: how large the difference is, `difference` says. */
  verdict: string;
}

export interface Plan {
  parameters: number;
  parametersByPart: Record<string, number>;
  bytes: number;
  bytesByKind: Record<string, number>;
  largestBinding: number;
  /** Weights, gradients and moments aside. */
  largestBuffer: number;
  /** Bytes of the values alive at once at their peak. */
  peakLive: number;
  dispatchesPerStep: number;
  flopsPerToken: number;
  flopsPerTokenByPass: { forward: number; backward: number; recomputed: number; optimizer: number };
  tokensPerStep: number;
  fits: boolean | null;
  runSeconds: number | null;
  /** What is out of proportion between run, model and text, a sentence each; absent where nothing is. */
  proportions?: string[];
  [more: string]: unknown;
}

export interface AuditOptions {
  /** All unless some are named. */
  sections?: readonly ("bias" | "moderation" | "memorisation" | "canaries" | "personal")[];
  /** Texts that are sampled, and passages that are tried. Default 200. */
  samples?: number;
  /** Pairs of sentences of your own: a file as docs/audit.md says, or its text. */
  pairs?: string | Blob;
  /** Seed of all that is drawn. Default 0. */
  seed?: number;
  /** Keep what is found with the run. Default true. */
  keep?: boolean;
  /** Whose weights: those of a run's checkpoint, by its name or its step. As they are now, unless one is named. */
  run?: string;
  checkpoint?: string;
  step?: number;
  onProgress?: (progress: { what: string; done: number; total: number }) => void;
  signal?: AbortSignal;
}

/** Rows of cells below a heading. */
export interface ReportTable {
  title: string;
  about?: string;
  columns: string[];
  rows: (number | string | Metric | { prompt: string; token: string })[][];
}

export interface AuditSection {
  name: string;
  title: string;
  /** How large its sample was. */
  sample: string;
  metrics: Metric[];
  tables: ReportTable[];
  /** What it cannot show. */
  limits: string[];
  /** Why it was not made, where it was not. */
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
  /** Trains a new run. While one is being prepared or trains, a second call is refused: kind `busy`. */
  train(options?: TrainOptions): Promise<TrainResult>;
  pause(): Promise<void>;
  /** Goes on after `pause()`; where nothing trains, with the named or latest run, and resolves when it is over. */
  resume(options?: FollowOptions & { run?: string }): Promise<TrainResult | undefined>;
  abort(): Promise<void>;
  generate(options?: GenerateOptions): Promise<Generated>;
  /** Looks inside the model at work on a prompt, also while it trains. */
  inspect(options: InspectOptions & { prompts: readonly string[]; prompt?: undefined }): Promise<Inspection[]>;
  inspect(options: InspectOptions & { prompt: string; prompts?: undefined }): Promise<Inspection>;
  /**
   * Looks for bias, words that many do not want to read, memorised text, canaries and personal data. An abort rejects with the kind
   * `cancelled`. A run in training waits until it is done.
   */
  audit(options?: AuditOptions): Promise<Audit>;
  /**
   * Says how good the model is, on held-out text and on tasks. An abort rejects with the kind `cancelled`. While a run trains it takes turns
   * with its steps.
   */
  evaluate(options?: EvaluateOptions): Promise<ModelEvaluation>;
  /** What is kept of evaluations, and how each two of the runs compare. */
  evaluations(runs?: readonly string[]): Promise<{ evaluations: ModelEvaluation[]; audits: Audit[]; comparisons: Comparison[] }>;
  /** The card of a run that was evaluated, of the latest one unless it is named: a page of HTML. */
  card(run?: string): Promise<string>;
  runs(): Promise<Run[]>;
  /** A `.glasshouse` file, which the desktop program opens too. */
  save(): Promise<Uint8Array>;
  load(source: Uint8Array | ArrayBuffer | string | URL): Promise<{ name: string; runs: Run[] }>;
  /** What `glasshouse bench step --json` prints, or with `timed: "decode"` or `"inspect"` what `glasshouse bench decode --json` or `inspect` does. */
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
