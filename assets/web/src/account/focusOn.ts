/** Moves the keyboard to what stays when the button that had it goes: a heading near by. */
export function focusOn(id: string): void {
  document.getElementById(id)?.focus();
}
