/** Something that `lapidary doctor` looked at. */
export interface Finding {
  readonly name: string;
  readonly value: string;
  /** `no` is a fault that keeps lapidary from working; `note` is worth knowing. */
  readonly state: 'ok' | 'note' | 'no';
}
