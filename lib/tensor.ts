/** The tensor: a dense array on a device. Functions make tensors; every one of them is a method too. */

import type { DeviceKind } from './device.js';
import { type DType, dtypeOf, type HostArrays } from './dtype.js';
import { DTypeError, fromNative, ShapeError } from './errors.js';
import type { Handle, TensorInfo } from './native.js';
import { addon } from './native-addon.js';
import { type BackwardOptions, backward } from './ops/autograd.js';
import { tensor } from './ops/create.js';
import * as elementwise from './ops/elementwise.js';
import { type GatherOptions, gather } from './ops/gather.js';
import * as layout from './ops/layout.js';
import { type MatmulOptions, matmul } from './ops/linear.js';
import * as reduce from './ops/reduce.js';
import { logSoftmax, softmax } from './ops/softmax.js';
import { handleOf, native, type Owner, Resource, repoint } from './resource.js';
import { currentOwner } from './scope.js';
import { type Shape, sizeOf } from './shape.js';

/** A tensor of any element type. */
export type AnyTensor = Tensor<DType>;

/** Makes the tensor of a handle that the addon has just returned, in the current scope. */
export let wrap: <D extends DType>(handle: Handle, dtype: D) => Tensor<D>;

/**
 * A dense, row-major array of element type `D` on a device. Images are [N, H, W, C]; filters [K, R, S, C / groups].
 *
 * Operations return at once: their work runs on the device's stream, in the order of the calls. Values come back with
 * `await data()` or `await item()`. Every use of a disposed tensor throws `DisposedError`.
 */
export class Tensor<D extends DType = 'f32'> extends Resource {
  readonly dtype: D;
  #place: Readonly<Pick<TensorInfo, 'shape' | 'device'>> | null = null;
  #grad: Tensor | null = null;

  /** @internal */
  protected constructor(handle: Handle, dtype: D, owner: Owner | null) {
    super(handle, owner);
    this.dtype = dtype;
  }

  static {
    wrap = (handle, dtype) => new Tensor(handle, dtype, currentOwner());
  }

  /** Extents, outermost first. */
  get shape(): Shape {
    return this.#placed().shape;
  }

  /** Where the elements are. */
  get device(): 'cpu' | 'cuda' {
    return this.#placed().device;
  }

  /** What never changes; asked for once. */
  #placed(): Readonly<Pick<TensorInfo, 'shape' | 'device'>> {
    if (this.#place === null) {
      const { shape, device } = native(() => addon.info(handleOf(this)));
      this.#place = { shape: Object.freeze(shape) as number[], device };
    }
    return this.#place;
  }

  /** The number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** The number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  /**
   * A copy of the elements, once everything enqueued before has run.
   *
   * Rejects with the first error of the work that this tensor depends on.
   */
  async data(): Promise<HostArrays[D]> {
    try {
      return (await addon.toHost(handleOf(this))) as HostArrays[D];
    } catch (error) {
      throw fromNative(error);
    }
  }

  /**
   * A copy on another device (or on the same), off the tape; it goes through host memory. A leaf's `requiresGrad` is kept.
   *
   * @throws DeviceError when that device is not there, with the reason
   */
  async to(device: DeviceKind): Promise<Tensor<D>> {
    const elements = await this.data();
    const copy = tensor(elements as never, this.shape, { device }) as Tensor<DType> as Tensor<D>;
    if (this.requiresGrad) copy.requiresGrad = true;
    return copy;
  }

  /** As `data()`, but blocks the event loop: for scripts and benchmarks. */
  dataSync(): HostArrays[D] {
    return native(() => addon.toHostSync(handleOf(this))) as HostArrays[D];
  }

  /** The value of a tensor of one element. @throws ShapeError when there are more */
  async item(): Promise<number> {
    this.#requireOneElement();
    return (await this.data())[0]!;
  }

  /** As `item()`, but blocks the event loop. */
  itemSync(): number {
    this.#requireOneElement();
    return this.dataSync()[0]!;
  }

  /**
   * Overwrites the elements in stream order; the array is copied at the call. A recorded operation that needs the old
   * elements makes a later backward throw `StaleTensorError`.
   *
   * @throws DTypeError when the array holds another element type
   * @throws ShapeError when it has another number of elements
   */
  write(data: HostArrays[D]): void {
    if (dtypeOf(data) !== this.dtype) {
      throw new DTypeError(
        `Expected an array of ${this.dtype} to write to this tensor, got one of ${dtypeOf(data)}.`,
      );
    }
    if (data.length !== this.size) {
      throw new ShapeError(
        `Expected ${this.size} elements for shape [${this.shape.join(', ')}], got ${data.length}.`,
      );
    }
    native(() => addon.write(handleOf(this), data));
  }

  /** Whether `backward()` accumulates a gradient here. Only leaves (not results of recorded operations) may change it. */
  get requiresGrad(): boolean {
    return native(() => addon.info(handleOf(this)).requiresGrad);
  }

  set requiresGrad(value: boolean) {
    native(() => addon.setRequiresGrad(handleOf(this), value));
  }

  /**
   * The gradient that `backward()` has accumulated, or null. It belongs to this tensor, never to a scope: clearing it
   * (`t.grad = null`), or disposing this tensor, disposes it. `clone()` it to keep it longer.
   */
  get grad(): Tensor | null {
    const handle = native(() => addon.gradOf(handleOf(this)));
    if (handle === 0) {
      this.#dropGradView();
      return null;
    }
    if (this.#grad === null || this.#grad.disposed) this.#grad = new Tensor(handle, 'f32', null);
    else repoint(this.#grad, handle);
    return this.#grad;
  }

  set grad(gradient: Tensor | null) {
    native(() => addon.setGrad(handleOf(this), gradient === null ? 0 : handleOf(gradient)));
    if (gradient !== this.#grad) this.#dropGradView();
  }

  #dropGradView(): void {
    this.#grad?.dispose();
    this.#grad = null;
  }

  override dispose(): void {
    this.#dropGradView();
    super.dispose();
  }

  /** Accumulates d this / d leaf into `.grad` of every leaf that requires it. See `backward`. */
  backward(this: Tensor, options?: BackwardOptions): void {
    backward(this, options);
  }

  /** Prints shape, type, device and state, never values: they may not be there yet. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `${this.constructor.name} ${this.toString()}`;
  }

  /** For example `f32[2, 3] on cpu, requires grad`. */
  override toString(): string {
    const place = this.#place ?? (this.disposed ? null : this.#placed());
    const state = this.disposed ? ', disposed' : this.requiresGrad ? ', requires grad' : '';
    return `${this.dtype}[${place?.shape.join(', ') ?? '?'}] on ${place?.device ?? '?'}${state}`;
  }

  /** A tensor has no JSON form: it would need its values. Prints as `toString()`. */
  toJSON(): string {
    return this.toString();
  }

  #requireOneElement(): void {
    if (this.size === 1) return;
    throw new ShapeError(
      `Expected a tensor of one element, got shape [${this.shape.join(', ')}]; use data(), or reduce it first.`,
    );
  }

  detach(): Tensor<D> {
    return layout.detach(this);
  }
  clone(): Tensor<D> {
    return layout.clone(this);
  }
  cast<T extends DType>(dtype: T): Tensor<T> {
    return elementwise.cast(this, dtype);
  }

  add(this: Tensor, b: Tensor | number): Tensor {
    return elementwise.add(this, b);
  }
  sub(this: Tensor, b: Tensor | number): Tensor {
    return elementwise.sub(this, b);
  }
  mul(this: Tensor, b: Tensor | number): Tensor {
    return elementwise.mul(this, b);
  }
  div(this: Tensor, b: Tensor | number): Tensor {
    return elementwise.div(this, b);
  }
  maximum(this: Tensor, b: Tensor | number): Tensor {
    return elementwise.maximum(this, b);
  }
  minimum(this: Tensor, b: Tensor | number): Tensor {
    return elementwise.minimum(this, b);
  }
  equal(this: Tensor, b: Tensor | number): Tensor {
    return elementwise.equal(this, b);
  }
  greater(this: Tensor, b: Tensor | number): Tensor {
    return elementwise.greater(this, b);
  }
  relu(this: Tensor): Tensor {
    return elementwise.relu(this);
  }
  relu6(this: Tensor): Tensor {
    return elementwise.relu6(this);
  }
  sigmoid(this: Tensor): Tensor {
    return elementwise.sigmoid(this);
  }
  tanh(this: Tensor): Tensor {
    return elementwise.tanh(this);
  }
  exp(this: Tensor): Tensor {
    return elementwise.exp(this);
  }
  log(this: Tensor): Tensor {
    return elementwise.log(this);
  }
  sqrt(this: Tensor): Tensor {
    return elementwise.sqrt(this);
  }
  square(this: Tensor): Tensor {
    return elementwise.square(this);
  }
  abs(this: Tensor): Tensor {
    return elementwise.abs(this);
  }
  neg(this: Tensor): Tensor {
    return elementwise.neg(this);
  }
  sign(this: Tensor): Tensor {
    return elementwise.sign(this);
  }
  reciprocal(this: Tensor): Tensor {
    return elementwise.reciprocal(this);
  }
  affine(this: Tensor, factor: number, term: number): Tensor {
    return elementwise.affine(this, factor, term);
  }
  clamp(this: Tensor, low: number, high: number): Tensor {
    return elementwise.clamp(this, low, high);
  }
  step(this: Tensor): Tensor {
    return elementwise.step(this);
  }
  silu(this: Tensor): Tensor {
    return elementwise.silu(this);
  }
  hardSwish(this: Tensor): Tensor {
    return elementwise.hardSwish(this);
  }
  hardSigmoid(this: Tensor): Tensor {
    return elementwise.hardSigmoid(this);
  }
  elu(this: Tensor, alpha?: number): Tensor {
    return elementwise.elu(this, alpha);
  }
  leakyRelu(this: Tensor, slope?: number): Tensor {
    return elementwise.leakyRelu(this, slope);
  }
  gelu(this: Tensor, approximate?: 'none' | 'tanh'): Tensor {
    return elementwise.gelu(this, approximate);
  }

  sum(this: Tensor, axes?: reduce.Axes, options?: reduce.ReduceOptions): Tensor {
    return reduce.sum(this, axes, options);
  }
  mean(this: Tensor, axes?: reduce.Axes, options?: reduce.ReduceOptions): Tensor {
    return reduce.mean(this, axes, options);
  }
  max(this: Tensor, axes?: reduce.Axes, options?: reduce.ReduceOptions): Tensor {
    return reduce.max(this, axes, options);
  }
  min(this: Tensor, axes?: reduce.Axes, options?: reduce.ReduceOptions): Tensor {
    return reduce.min(this, axes, options);
  }
  argMax(this: Tensor, axis?: number, options?: reduce.ReduceOptions): Tensor<'i32'> {
    return reduce.argMax(this, axis, options);
  }
  softmax(this: Tensor): Tensor {
    return softmax(this);
  }
  logSoftmax(this: Tensor): Tensor {
    return logSoftmax(this);
  }

  matmul(this: Tensor, b: Tensor, options?: MatmulOptions): Tensor {
    return matmul(this, b, options);
  }

  reshape(shape: Shape): Tensor<D> {
    return layout.reshape(this, shape);
  }
  transpose(permutation?: readonly number[]): Tensor<D> {
    return layout.transpose(this, permutation);
  }
  slice(axis: number, start: number, length?: number): Tensor<D> {
    return layout.slice(this, axis, start, length);
  }
  pad(this: Tensor, widths: layout.PadWidths, value?: number): Tensor {
    return layout.pad(this, widths, value);
  }
  gather(index: Tensor<'i32'>, options?: GatherOptions): Tensor<D> {
    return gather(this, index, options);
  }
}
