/** A search in a run folder: its stages, the selection of an architecture, and that architecture's own training. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

import { evaluateRobustness } from '../attack/robust-accuracy.js';
import type { Loader } from '../data/loader.js';
import { memory, resetPeakMemory } from '../device.js';
import { AbortedError, CheckpointError, ConfigError, NonFiniteError } from '../errors.js';
import { writeFileAtomic } from '../io/atomic-file.js';
import type { HostTensor } from '../io/host-tensor.js';
import type { MetricsRecord, RunFolder } from '../io/run-folder.js';
import { writeRunResult } from '../io/run-result.js';
import { complexity } from '../nn/complexity.js';
import type { Genotype } from '../nn/genotype.js';
import { type ModelSpec, modelFromSpec } from '../nn/models/index.js';
import { scope } from '../scope.js';
import type { StopSignal } from '../signals.js';
import { evaluationBatches, openTrainingData, type TrainingData } from '../train/data-recipe.js';
import { type ProgressSink, silentProgress } from '../train/progress-sink.js';
import { prepareTraining, type Recipe } from '../train/recipe.js';
import { completeEnvironment } from '../train/run-environment.js';
import { candidateCosts } from './candidate-costs.js';
import { candidatesLeft } from './candidates-left.js';
import { type PhaseConfig, phasesOf, type SearchConfig, trainsSupernet } from './config.js';
import { collapseAlarm } from './diagnostics/collapse-alarm.js';
import { architectureRecord, meanOver, weightsByGroup } from './epoch-diagnostics.js';
import type { Strengths } from './mixer.js';
import { SearchPhase, type StepLosses } from './phase.js';
import { retrain } from './retraining.js';
import { CyclingBatches, SearchImages } from './search-images.js';
import { measuresOf, type SearchCost, type SearchResult } from './search-result.js';
import { loadSearchState, type SearchEpoch, type SearchProgress, type SearchState } from './search-state.js';
import { choiceByStrength, createSelector } from './selectors/registry.js';
import type { Alternative, SelectionContext } from './selectors/selector.js';
import { spaceOf } from './spaces/registry.js';
import { createStopper } from './stoppers/registry.js';
import type { Stopper } from './stoppers/stopper.js';
import type { Choice, EdgeGroup } from './supernet.js';
import { type OwnTable, readOwnTable } from './tables/own-table.js';
import { lookUp, rankBySupernet, type SupernetRanking } from './tables/table-lookup.js';

export interface SearchRunOptions {
  /** Where checkpoints, metrics and results go; one that was `resumed` is continued. */
  readonly run: RunFolder;
  readonly progress?: ProgressSink;
  readonly signal?: StopSignal;
}

/**
 * Searches, or does what is left to search after the newest checkpoint of the run folder.
 *
 * Writes to the run folder: `metrics.jsonl`, `split.json`, `data.json`, `checkpoints/`, `genotype.json`, `result.json` with the
 * measures `supernet`, `parameters`, `macs`, and `clean` where the architecture is retrained; then `model.safetensors`, too;
 * `table.missing.json` where a table lacks the cell that was found.
 *
 * @throws AbortedError after `signal` is aborted, resumable; NonFiniteError when a loss becomes NaN or infinite
 * @throws ConfigError for a wrong stage; CheckpointError; DataChangedError
 */
export async function runSearch(
  config: SearchConfig,
  options: SearchRunOptions,
): Promise<{ readonly result: SearchResult; readonly cost: SearchCost }> {
  await mkdir(options.run.path, { recursive: true });
  const phases = phasesOf(config);
  const table = await tableOf(config);
  const data = await openTrainingData(config.data, config.seed, options.run);
  try {
    return await new SearchRun(config, phases, table, data, options).run();
  } finally {
    data.dataset.dispose();
  }
}

/** @throws ConfigError when cells of the space are in no table; as `readOwnTable` */
async function tableOf({ table, space }: SearchConfig): Promise<OwnTable | null> {
  if (table === null) return null;
  if (space.name === 'nas-bench-201') return readOwnTable(table);
  throw new ConfigError(
    `Expected the space nas-bench-201 for a table, as tables are of its cells, got ${space.name}; leave 'table' out.`,
  );
}

/** What a selection comes to. */
interface Selected {
  readonly choice: Choice;
  readonly alternatives: readonly Alternative[];
  /** Null without a table. */
  readonly ranking: SupernetRanking | null;
}

const NO_SUMS = { train: 0, search: 0, steps: 0, moves: 0 } as const;
/** What every stage begins with. */
const STAGE_START = {
  weightSteps: 0,
  architectureSteps: 0,
  sums: NO_SUMS,
  stopper: null,
  stopped: null,
} as const;

class SearchRun {
  readonly #config: SearchConfig;
  readonly #phases: readonly PhaseConfig[];
  readonly #table: OwnTable | null;
  readonly #data: TrainingData;
  readonly #run: RunFolder;
  readonly #report: ProgressSink;
  readonly #signal: StopSignal | undefined;
  readonly #images: SearchImages;
  #progress: SearchProgress;
  /** Until when `progress.cost` counts. */
  #accountedAt = 0;

  constructor(
    config: SearchConfig,
    phases: readonly PhaseConfig[],
    table: OwnTable | null,
    data: TrainingData,
    { run, progress = silentProgress, signal }: SearchRunOptions,
  ) {
    this.#config = config;
    this.#phases = phases;
    this.#table = table;
    this.#data = data;
    this.#run = run;
    this.#report = progress;
    this.#signal = signal;
    this.#images = new SearchImages(config, data);
    this.#progress = {
      ...STAGE_START,
      stage: 0,
      groups: this.#spaceOf(0).groups(this.#phases[0]!.space),
      stepsBefore: 0,
      epochsBefore: 0,
      history: [],
      cost: { milliseconds: 0, memory: 0 },
    };
  }

  async run(): Promise<{ result: SearchResult; cost: SearchCost }> {
    this.#startAccount();
    const resume = await this.#findResumePoint();
    if (resume !== undefined) this.#progress = resume.state.progress;
    if (resume?.state.stage === 'retrain') {
      return this.#retrainAndFinish(resume.state, resume);
    }
    let at = resume;
    for (;;) {
      using phase = await this.#openPhase();
      if (at !== undefined) this.#restore(phase, at.tensors);
      if (at?.state.stage !== 'select') await this.#search(phase);
      const last = this.#progress.stage === this.#phases.length - 1;
      if (last) {
        const selected = await this.#select(phase, at?.state.stage === 'select' ? at.state : undefined);
        return this.#retrainAndFinish(selected, undefined);
      }
      const strengths = await scope(() => phase.mixer.strengths());
      const groups = candidatesLeft(phase.groups, strengths, phase.config);
      const { stage, stepsBefore, weightSteps, epochsBefore } = this.#progress;
      this.#progress = {
        ...this.#progress,
        ...STAGE_START,
        stage: stage + 1,
        groups,
        stepsBefore: stepsBefore + weightSteps,
        epochsBefore: epochsBefore + phase.config.epochs,
      };
      at = undefined;
    }
  }

  #spaceOf(stage: number) {
    return spaceOf(this.#phases[stage]!.space);
  }

  async #findResumePoint() {
    if (!this.#run.resumed) return undefined;
    const { checkpoint, skipped } = await this.#run.loadNewestCheckpoint();
    for (const { path, reason } of skipped) this.#report.log(`Skipped checkpoint ${path}: ${reason}`);
    await this.#run.truncateToStep(checkpoint?.step ?? -1);
    if (checkpoint === undefined) return undefined;
    this.#report.log(`Going on from ${checkpoint.path}.`);
    return { state: loadSearchState(checkpoint.state), tensors: checkpoint.tensors };
  }

  async #openPhase(): Promise<SearchPhase> {
    const { stage, groups } = this.#progress;
    const config = this.#phases[stage]!;
    const { classes, normalization } = this.#data.dataset;
    const { imageShape } = this.#data;
    const costs = await candidateCosts(config, { imageShape, classes: classes.length });
    return new SearchPhase(config, groups, {
      classes: classes.length,
      normalization,
      seed: this.#config.seed + stage,
      ...(costs === undefined ? {} : { costs }),
    });
  }

  #restore(phase: SearchPhase, tensors: ReadonlyMap<string, HostTensor>): void {
    const { weightSteps, architectureSteps } = this.#progress;
    phase.loadState(tensors, { weights: weightSteps, architecture: architectureSteps });
  }

  async #search(phase: SearchPhase): Promise<void> {
    const { config } = phase;
    const { weights, architecture } = this.#images.loaders(config);
    const total = config.epochs * weights.steps;
    const title = this.#phases.length === 1 ? 'search' : `search, stage ${this.#progress.stage + 1}`;
    this.#report.stage(title, { total, done: this.#progress.weightSteps });
    while (this.#progress.weightSteps < total && this.#progress.stopped === null) {
      const epoch = Math.floor(this.#progress.weightSteps / weights.steps);
      await this.#searchEpoch(phase, epoch, weights, architecture);
      await this.#finishEpoch(phase, epoch);
      await this.#checkpoint(phase);
    }
  }

  async #searchEpoch(phase: SearchPhase, epoch: number, train: Loader, search: Loader): Promise<void> {
    const { checkpointEvery } = this.#config;
    const { epochsBefore, stepsBefore } = this.#progress;
    const from = this.#progress.weightSteps - epoch * train.steps;
    const searchBatches = new CyclingBatches(search, epochsBefore + epoch, train.steps, from);
    let inFlight: Promise<StepLosses> | undefined;
    const settle = async () => {
      if (inFlight !== undefined) this.#settle(await inFlight);
      inFlight = undefined;
    };
    try {
      let step = this.#progress.weightSteps;
      for await (const batch of train.epoch(epochsBefore + epoch, { from })) {
        if (this.#signal?.aborted) {
          await settle();
          await this.#checkpoint(phase);
          throw this.#aborted();
        }
        const { done } = await phase.step(batch, await searchBatches.next(), {
          epoch,
          step: stepsBefore + step,
        });
        step++;
        done.catch(() => {}); // it is awaited one step later
        await settle();
        inFlight = done;
        const atEnd = step % train.steps === 0;
        if (checkpointEvery > 0 && step % checkpointEvery === 0 && !atEnd) {
          await settle();
          await this.#checkpoint(phase);
        }
      }
      await settle();
    } finally {
      await searchBatches.close();
    }
  }

  #settle({ train, search }: StepLosses): void {
    const { sums, weightSteps, architectureSteps, stepsBefore } = this.#progress;
    for (const loss of [train, search ?? 0]) {
      if (Number.isFinite(loss)) continue;
      throw new NonFiniteError(
        `A loss of step ${stepsBefore + weightSteps + 1} is ${loss}, so the search stops; the last checkpoint is good. Lower weights.rate or architecture.rate.`,
      );
    }
    const moved = search !== null || this.#movesWithWeights();
    this.#progress = {
      ...this.#progress,
      weightSteps: weightSteps + 1,
      architectureSteps: architectureSteps + Number(moved),
      sums: {
        train: sums.train + train,
        search: sums.search + (search ?? 0),
        steps: sums.steps + 1,
        moves: sums.moves + Number(search !== null),
      },
    };
    this.#report.advance(1, `loss ${train.toFixed(3)}`);
  }

  #movesWithWeights(): boolean {
    const phase = this.#phases[this.#progress.stage]!;
    const { update, architecture, batch } = phase;
    const { weightSteps, stepsBefore } = this.#progress;
    const stepsOfEpoch = Math.max(1, Math.floor(this.#images.ofWeights(phase).length / batch));
    const epoch = Math.floor(weightSteps / stepsOfEpoch);
    const step = stepsBefore + weightSteps;
    return update.kind === 'single-level' && epoch >= architecture.start && step % architecture.every === 0;
  }

  async #finishEpoch(phase: SearchPhase, epoch: number): Promise<void> {
    const { sums, stage, stepsBefore, weightSteps, history } = this.#progress;
    const { groups } = phase;
    const strengths = await scope(() => phase.mixer.strengths());
    const choice = choiceByStrength(this.#config.selector, groups, strengths);
    const architecture = architectureRecord(groups, strengths, choice, {
      relaxation: phase.config.relaxation,
      earlierShares: history.flatMap((record) =>
        record.stage === stage ? [record.architecture.collapse.skipShare] : [],
      ),
    });
    const record: SearchEpoch = {
      stage,
      epoch: epoch + 1,
      step: stepsBefore + weightSteps,
      trainLoss: sums.train / sums.steps,
      searchLoss: sums.moves === 0 ? null : sums.search / sums.moves,
      accuracy: await this.#validate(phase),
      eigenvalue: await this.#eigenvalue(phase, epoch),
      strengths,
      architecture,
    };
    await this.#run.appendMetrics(metricsOf(record, groups));
    this.#progress = { ...this.#progress, sums: { ...NO_SUMS }, history: [...history, record] };
    this.#askStopper(record, choice);
    this.#report.log(`  epoch ${epoch + 1}: supernet ${(100 * record.accuracy).toFixed(1)} %`);
    const { level, sentence } = architecture.collapse;
    if (level !== 'none' && epoch >= phase.config.architecture.start) this.#report.log(`  ${sentence}`);
  }

  /** On the first images of the architecture, without augmentation. What it takes is not part of the search's cost. */
  async #eigenvalue(phase: SearchPhase, epoch: number): Promise<SearchEpoch['eigenvalue']> {
    const { eigenvalueEvery, eigenvalueImages } = this.#config.diagnostics;
    if (eigenvalueEvery === 0 || (epoch + 1) % eigenvalueEvery !== 0) return null;
    this.#account();
    const images = this.#images.architecture.subarray(0, eigenvalueImages);
    const batch = evaluationBatches(this.#data.dataset.train, images, eigenvalueImages);
    const eigenvalue = await phase.eigenvalue(batch);
    this.#startAccount();
    return eigenvalue;
  }

  #askStopper({ epoch, eigenvalue, strengths }: SearchEpoch, choice: Choice): void {
    const { stopper: config } = this.#config;
    if (config === null) return;
    const stopper = createStopper(config);
    const { groups, stopper: saved } = this.#progress;
    const before = saved === null ? stopper.initial : checkedState(stopper, saved);
    const { state, stop } = stopper.observe(before, {
      epoch: epoch - 1,
      eigenvalue: eigenvalue?.largest ?? null,
      weights: weightsByGroup(strengths),
      choice,
      groups,
    });
    // Stoppers count epochs from 0.
    const returnTo = stop === null || stop.returnTo === null ? null : stop.returnTo + 1;
    const stopped = stop === null ? null : { reason: stop.reason, returnTo };
    this.#progress = { ...this.#progress, stopper: state, stopped };
    if (stopped !== null) this.#report.log(`  stopped: ${stopped.reason}`);
  }

  #validate(phase: SearchPhase): Promise<number> {
    const batches = evaluationBatches(this.#data.dataset.train, this.#data.validation);
    return scope(() => phase.accuracy(phase.settledMixture(), batches, 'running'));
  }

  #startAccount(): void {
    resetPeakMemory();
    this.#accountedAt = performance.now();
  }

  /** Adds what this process has taken since the last time. */
  #account(): void {
    const now = performance.now();
    const { milliseconds, memory: before } = this.#progress.cost;
    this.#progress = {
      ...this.#progress,
      cost: {
        milliseconds: milliseconds + now - this.#accountedAt,
        memory: Math.max(before, memory().peak),
      },
    };
    this.#accountedAt = now;
  }

  async #checkpoint(phase: SearchPhase): Promise<void> {
    this.#account();
    const { stepsBefore, weightSteps } = this.#progress;
    const state: SearchState = { stage: 'search', progress: this.#progress };
    await this.#run.saveCheckpoint(stepsBefore + weightSteps, await phase.hostState(), state);
  }

  #aborted(): AbortedError {
    const { stepsBefore, weightSteps } = this.#progress;
    return new AbortedError(
      `The search was stopped after step ${stepsBefore + weightSteps}. A checkpoint was written; --resume continues from it.`,
      { cause: this.#signal?.reason, resumable: true },
    );
  }

  async #select(
    phase: SearchPhase,
    resumed: Extract<SearchState, { stage: 'select' }> | undefined,
  ): Promise<Selected> {
    const selector = createSelector(this.#config.selector);
    const rounds = selector.rounds(phase.groups);
    let state = resumed?.selector ?? selector.initial;
    let round = resumed?.rounds ?? 0;
    this.#report.stage('select', { total: rounds, done: round });
    const context = await this.#selectionContext(phase);
    for (;;) {
      const outcome = await scope(() => selector.next(state, context));
      this.#report.advance(1);
      if ('choice' in outcome) {
        this.#account();
        const { choice, alternatives = [] } = outcome;
        return { choice, alternatives, ranking: await this.#rank(phase) };
      }
      state = outcome.state;
      round++;
      this.#account();
      const { stepsBefore, weightSteps } = this.#progress;
      await this.#run.saveCheckpoint(stepsBefore + weightSteps + round, await phase.hostState(), {
        stage: 'select',
        progress: this.#progress,
        rounds: round,
        selector: state,
      });
      if (this.#signal?.aborted) throw this.#aborted();
    }
  }

  /** How the search network orders a table's cells, on the images of the architecture. */
  async #rank(phase: SearchPhase): Promise<SupernetRanking | null> {
    if (this.#table === null || !trainsSupernet(this.#config)) return null;
    const { accuracy } = await this.#selectionContext(phase);
    return rankBySupernet(this.#table, phase, accuracy);
  }

  async #selectionContext(phase: SearchPhase): Promise<SelectionContext> {
    const set = this.#data.dataset.train;
    return {
      groups: phase.groups,
      strengths: await this.#strengthsToSelect(phase),
      supernet: phase.supernet,
      mixture: () => phase.settledMixture(),
      accuracy: (mixture, { images = this.#images.architecture.length } = {}) =>
        phase.accuracy(
          mixture,
          evaluationBatches(set, this.#images.architecture.subarray(0, images)),
          'batch',
        ),
      tune: (mixture, options) =>
        phase.tune(this.#images.loaders(phase.config).weights, mixture, {
          ...options,
          ...(this.#signal === undefined ? {} : { signal: this.#signal }),
        }),
      trainAlone: (choice, recipe) => this.#trainAlone(phase, choice, recipe),
      images: set,
      seed: this.#config.seed,
      progress: this.#report,
    };
  }

  async #trainAlone(phase: SearchPhase, choice: Choice, recipe: Recipe): Promise<number> {
    const { train: set, classes, normalization } = this.#data.dataset;
    const { seed } = this.#config;
    const { space: config } = phase.config;
    const space = spaceOf(config);
    const genotype = space.genotype(config, phase.groups, choice);
    const spec = space.network(config, genotype, { classes: classes.length, normalization });
    using model = modelFromSpec(spec, seed);
    const images = this.#images.ofWeights(phase.config);
    using prepared = await prepareTraining(
      recipe,
      model,
      set,
      images,
      seed,
      this.#signal === undefined ? {} : { signal: this.#signal },
    );
    await prepared.trainer.run();
    const { clean } = await evaluateRobustness(model, evaluationBatches(set, this.#images.architecture));
    return clean;
  }

  /** Those of the epoch that a stopper goes back to, or the last. */
  async #strengthsToSelect(phase: SearchPhase): Promise<Strengths> {
    const { stopped, history, stage } = this.#progress;
    if (stopped === null || stopped.returnTo === null) return scope(() => phase.mixer.strengths());
    return history.find((record) => record.stage === stage && record.epoch === stopped.returnTo)!.strengths;
  }

  async #retrainAndFinish(
    selected: Selected,
    resume: { state: SearchState; tensors: ReadonlyMap<string, HostTensor> } | undefined,
  ): Promise<{ result: SearchResult; cost: SearchCost }> {
    const { stage, groups, history, stopped } = this.#progress;
    const config = this.#phases[stage]!;
    const space = spaceOf(config.space);
    const genotypeOf = (choice: Choice) => space.genotype(config.space, groups, choice);
    const genotype = genotypeOf(selected.choice);
    await writeFileAtomic(join(this.#run.path, 'genotype.json'), `${JSON.stringify(genotype, null, 2)}\n`);
    const { classes, normalization } = this.#data.dataset;
    const size = { ...config.space, ...this.#config.retrain?.space };
    const spec = space.network(size, genotype, { classes: classes.length, normalization });
    const recipe = this.#config.retrain?.train;
    const test = recipe === undefined ? null : await this.#retrain(spec, recipe, selected, resume);
    using model = modelFromSpec(spec, this.#config.seed);
    const { parameters, macs } = await complexity(model, this.#data.imageShape);
    const result: SearchResult = {
      method: this.#config.method,
      genotype,
      alternatives: selected.alternatives.map(({ name, choice }) => ({ name, genotype: genotypeOf(choice) })),
      parameters,
      macs,
      collapse: collapseAlarm(groups, selected.choice),
      supernetAccuracy: history.at(-1)?.accuracy ?? null,
      groups,
      epochs: history,
      stopped,
      table: await this.#lookUp(genotype, selected),
      test,
    };
    const { cost } = this.#progress;
    await completeEnvironment(this.#run);
    await writeRunResult(this.#run.path, {
      workflow: 'search',
      config: this.#config,
      ...measuresOf(result, cost),
      details: result,
    });
    return { result, cost };
  }

  async #lookUp(genotype: Genotype, { ranking }: Selected): Promise<SearchResult['table']> {
    if (this.#table === null) return null;
    const entry = lookUp(this.#table, genotype);
    if (entry === null) return null;
    if (entry.found === null) {
      const path = join(this.#run.path, 'table.missing.json');
      await writeFileAtomic(path, `${JSON.stringify([entry.arch])}\n`);
      this.#report.log(
        `The table lacks ${entry.arch}: lapidary search table --out TABLE --resume --cells ${path}`,
      );
    }
    return { ...entry, ranking };
  }

  async #retrain(
    spec: ModelSpec,
    recipe: Recipe,
    selected: Selected,
    resume: { state: SearchState; tensors: ReadonlyMap<string, HostTensor> } | undefined,
  ): Promise<number> {
    const training = resume?.state.stage === 'retrain' ? resume.state.training : null;
    return retrain({
      spec,
      recipe,
      data: this.#data,
      seed: this.#config.seed,
      run: this.#run,
      progress: this.#report,
      signal: this.#signal,
      before: this.#stepsBeforeRetraining(),
      checkpointEvery: this.#config.checkpointEvery,
      stateWith: (training): SearchState => {
        const { choice, alternatives, ranking } = selected;
        return { stage: 'retrain', progress: this.#progress, choice, alternatives, ranking, training };
      },
      resume: resume === undefined || training === null ? null : { tensors: resume.tensors, training },
    });
  }

  /** Steps of checkpoints rise: searching, then one for each round of the selection, then retraining. */
  #stepsBeforeRetraining(): number {
    const { stepsBefore, weightSteps, groups } = this.#progress;
    return stepsBefore + weightSteps + createSelector(this.#config.selector).rounds(groups);
  }
}

/** A line of `metrics.jsonl`. */
function metricsOf(
  { stage, eigenvalue, strengths: _, architecture, ...numbers }: SearchEpoch,
  groups: readonly EdgeGroup[],
): MetricsRecord {
  const { level, skipShare } = architecture.collapse;
  return {
    ...numbers,
    stage: 'search',
    phase: stage,
    eigenvalue: eigenvalue?.largest ?? null,
    entropy: meanOver(groups, architecture, ({ normalizedEntropy }) => normalizedEntropy),
    margin: meanOver(groups, architecture, ({ margin }) => margin?.mean ?? 0),
    skipShare,
    collapse: level,
  };
}

/** @throws CheckpointError when the state of a checkpoint is not this stopper's */
function checkedState<S>(stopper: Stopper<S>, state: unknown): S {
  const parsed = stopper.stateSchema.safeParse(state);
  if (parsed.success) return parsed.data;
  throw new CheckpointError(
    `Expected the state of the search's stopper in the checkpoint: ${z.prettifyError(parsed.error)}; give another --out.`,
  );
}
