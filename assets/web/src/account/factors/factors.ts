import type { SecondFactor } from "../../api/client";

/** How many ways the person has to show a second factor, recovery codes aside. */
export const countFactors = ({ authenticator, passkeys }: SecondFactor) => (authenticator ? 1 : 0) + passkeys.length;
