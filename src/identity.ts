// The agent's own id: the same on a host for as long as the host has its id.

export function agentId(hostId: string): string {
  const hex = Bun.CryptoHasher.hash('sha256', `puppy-hids agent\n${hostId}`, 'hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
