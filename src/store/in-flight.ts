// How many questions wait for their answers. Pure.

export class InFlight {
  private count = 0;
  private isGivenUp = false;
  private landed: (() => void) | undefined;

  begin(): void {
    this.count++;
  }

  end(): void {
    this.count--;
    this.landed?.();
  }

  /** Nobody is waited for any more. */
  giveUp(): void {
    this.isGivenUp = true;
    this.landed?.();
  }

  async fewerThan(most: number): Promise<void> {
    while (this.count >= most && !this.isGivenUp) {
      await new Promise<void>(resolve => {
        this.landed = resolve;
      });
    }
  }
}
